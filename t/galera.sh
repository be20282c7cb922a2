# galera.sh - sourced after lib.sh: a Galera cluster of real MariaDB servers on
# loopback, in $T/g1, $T/g2 ...; g_port1, g_port2 ... are their ports.
#
# A node gets what it missed from the others (IST).  Full copies are made here,
# while the servers stand still, so that the packages with the scripts for that
# (and the server they start) are not needed.

PATH=$PATH:/usr/sbin
galera_lib=
for f in /usr/lib/galera/libgalera_smm.so /usr/lib64/galera-4/libgalera_smm.so; do
	[ ! -f "$f" ] || galera_lib=$f
done
if [ -z "$galera_lib" ] || ! command -v mariadbd >/dev/null; then
	echo "1..0 # SKIP galera-4 or mariadb-server is not installed"
	exit 0
fi
galera_me=$(id -un)
# A node that is stopped, or waits for others, ends by this only.
galera_end() {
	galera_status=$?
	for galera_p in $galera_pids; do kill -9 "$galera_p" 2>/dev/null; done
	(exit $galera_status)
	cleanup
}
galera_pids=
trap galera_end EXIT
# Cut short: what counts is that they agree who is dead, not how late. But not
# so short that two which live lose each other on a busy machine: neither of
# them would be a majority then, and nothing brings that back.
galera_times="evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT3S;evs.inactive_timeout=PT10S;pc.announce_timeout=PT2S"

# gq NODE SQL
gq() { mariadb --no-defaults -N -B -S "$T/g$1.sock" -u "$galera_me" -e "$2" 2>&1; }
galera_state() { gq "$1" "SHOW STATUS LIKE 'wsrep_local_state_comment'" | cut -f2; }
galera_is() { [ "$(galera_state "$1")" = "$2" ]; }
galera_synced() { wait_for 60 galera_is "$1" Synced; }
galera_size() { gq "$1" "SHOW STATUS LIKE 'wsrep_cluster_size'" | cut -f2; }
galera_pid() { cat "$T/g$1.mypid"; }
galera_gone() { ! [ -d "/proc/$1" ]; }
# galera_stop NODE SIGNAL
galera_stop() {
	galera_p=$(galera_pid "$1")
	kill -"$2" "$galera_p"
	wait "$galera_p" 2>/dev/null
}

# galera_run NODE OPTION...
galera_run() {
	galera_n=$1
	shift
	eval "galera_cport=\$g_port$galera_n galera_gport=\$g_gport$galera_n galera_iport=\$g_iport$galera_n"
	PATH=$T/galera-bin:$PATH TMPDIR=$T exec mariadbd --no-defaults \
	    --user="$galera_me" --datadir="$T/g$galera_n" \
	    --socket="$T/g$galera_n.sock" --pid-file="$T/g$galera_n.pid" \
	    --bind-address=127.0.0.1 --port="$galera_cport" \
	    --skip-name-resolve --innodb-buffer-pool-size=8M \
	    --innodb-log-file-size=8M --innodb-flush-log-at-trx-commit=2 \
	    --performance-schema=OFF --binlog-format=ROW \
	    --innodb-autoinc-lock-mode=2 --wsrep-on=ON \
	    --wsrep-provider="$galera_lib" --wsrep-cluster-name=t \
	    --wsrep-node-name="g$galera_n" \
	    --wsrep-node-address="127.0.0.1:$galera_gport" \
	    --wsrep-sst-method=missed \
	    --wsrep-provider-options="base_host=127.0.0.1;base_port=$galera_gport;gmcast.listen_addr=tcp://127.0.0.1:$galera_gport;ist.recv_addr=127.0.0.1:$galera_iport;gcache.size=8M;gcache.recover=yes;$galera_times" \
	    "$@" >>"$T/g$galera_n.log" 2>&1
}
# galera_start NODE OPTION...
galera_start() {
	(galera_run "$@") &
	echo $! >"$T/g$1.mypid"
	galera_pids="$galera_pids $!"
}
# Where a node that was killed stood when it died.
galera_position() {
	(galera_run "$1" --wsrep-recover --wsrep-cluster-address="gcomm://$galera_all")
	sed -n 's/.*WSREP: Recovered position: *//p' "$T/g$1.log" | tail -1
}
# galera_back NODE: it joins the others again.
galera_back() {
	galera_start "$1" --wsrep-cluster-address="gcomm://$galera_all" \
	    --wsrep-start-position="$(galera_position "$1")"
}

# galera_make N SQL: N nodes; SQL is run before there is more than one.
galera_make() {
	mkdir "$T/galera-bin"
	cat >"$T/galera-bin/wsrep_sst_missed" <<'X'
#!/bin/sh
# The joiner is told to take what it missed; there is no other transfer.
while [ $# -gt 0 ]; do
	case $1 in
	--role) role=$2 ;;
	--address) address=$2 ;;
	--datadir) datadir=${2%/} ;;
	--parent) parent=$2 ;;
	--gtid) gtid=$2 ;;
	--bypass) bypass=yes ;;
	esac
	shift
done
case $role in
joiner)
	rm -f "$datadir/sst_position"
	echo "ready $datadir"
	until [ -s "$datadir/sst_position" ]; do
		sleep 0.05
		[ -d "/proc/$parent" ] || exit 1
	done
	cat "$datadir/sst_position" ;;
donor)
	[ "${bypass-}" = yes ] || { echo "more was missed than is kept" >&2; exit 2; }
	echo "$gtid" >"$address/sst_new"
	mv "$address/sst_new" "$address/sst_position"
	echo "done $gtid" ;;
esac
X
	chmod 755 "$T/galera-bin/wsrep_sst_missed"
	mariadb-install-db --no-defaults --datadir="$T/g1" --user="$galera_me" \
	    --auth-root-authentication-method=socket \
	    --auth-root-socket-user="$galera_me" --skip-test-db >/dev/null 2>&1 ||
	    return 1
	galera_ports=$(free_ports $((3 * $1)))
	galera_all=
	galera_i=0
	while [ $galera_i -lt "$1" ]; do
		galera_i=$((galera_i + 1))
		for galera_kind in port gport iport; do
			eval "g_$galera_kind$galera_i=$(echo "$galera_ports" | head -1)"
			galera_ports=$(echo "$galera_ports" | sed 1d)
		done
		eval "galera_all=$galera_all${galera_all:+,}127.0.0.1:\$g_gport$galera_i"
	done
	galera_start 1 --wsrep-new-cluster --wsrep-cluster-address=gcomm://
	galera_synced 1 && gq 1 "$2" || return 1
	galera_stop 1 TERM
	for galera_i in $(seq 2 "$1"); do
		cp -a "$T/g1" "$T/g$galera_i"
		rm -f "$T/g$galera_i/galera.cache"
	done
	galera_start 1 --wsrep-new-cluster --wsrep-cluster-address=gcomm://
	galera_synced 1 || return 1
	for galera_i in $(seq 2 "$1"); do
		galera_start "$galera_i" --wsrep-cluster-address="gcomm://$galera_all"
		galera_synced "$galera_i" || return 1
	done
}
