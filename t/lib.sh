# lib.sh - sourced by t/*.t: TAP, a folder of one's own, a whole SEMail on free
# loopback ports, and the end of everything the test started.
#
# Needs SEMAIL_PREFIX, where make install put the programs (runtests sets it;
# by hand: SEMAIL_PREFIX=$PWD/build/inst prove t/0100-x.t).

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
SEMAIL_PREFIX=${SEMAIL_PREFIX:-$top_srcdir/build/inst}
semail_bin=$SEMAIL_PREFIX/sbin/semail
if [ ! -x "$semail_bin" ]; then
	echo "1..0 # SKIP $semail_bin is not there; run ./runtests $0"
	exit 0
fi
# Commands end and free nothing; leaks are for the unit tests.
[ -z "${SEMAIL_SANITIZED-}" ] || export ASAN_OPTIONS=detect_leaks=0
T=$(mktemp -d "${TMPDIR:-/tmp}/semail-t.XXXXXX")
chmod 711 "$T" # the roles' users pass through
conf=$T/semail.conf
tap_n=0
tap_failed=0
pids=""

plan() { echo "1..$1"; tap_planned=1; }
done_testing() { [ -n "${tap_planned-}" ] || echo "1..$tap_n"; exit $((tap_failed > 0)); }
# To standard error, which prove shows.
diag() { printf '%s\n' "$@" | sed 's/^/# /' >&2; }
pass() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
fail() {
	tap_n=$((tap_n + 1)) tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $1"
	diag "failed: $tap_n - $1"
}
# ok NAME COMMAND...: the command succeeds; its output is shown if not.
ok() {
	ok_name=$1
	shift
	if ok_out=$("$@" 2>&1); then pass "$ok_name"; else
		fail "$ok_name"
		diag "command: $*" "$ok_out"
	fi
}
# is NAME GOT WANT
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else
		fail "$1"
		diag " got: $2" "want: $3"
	fi
}
# like NAME GOT PATTERN (grep -E)
like() {
	if printf '%s\n' "$2" | grep -Eq -- "$3"; then pass "$1"; else
		fail "$1"
		diag " got: $2" "want: $3"
	fi
}
# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	wait_until=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$wait_until" ] || return 1
		sleep 0.05
	done
}
is_root() { [ "$(id -u)" = 0 ]; }
# Ports nobody listens on now, one a line.  Not of those that connections get
# (ip_local_port_range), and of a part of the others that is this test's: another
# test that looks at once would find the same ones free.  Without a test's name in
# $0 it is a part by chance.
free_ports() {
	perl -MIO::Socket::INET -e '
		my ($want, $self, @tests) = @ARGV;
		my ($at) = grep { $tests[$_] =~ m{(^|/)\Q$self\E$} } 0 .. $#tests;
		my $each = int(22000 / @tests);
		my $first = 10000 + $each * ($at // int rand @tests);
		while (@s < $want) {
			my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1",
			    LocalPort => $first + int rand $each);
			push @s, $s if $s;
			die "no free ports" if ++$tries > 1000;
		}
		print $_->sockport, "\n" for @s' "$1" "$(basename "$0")" "$top_srcdir"/t/*.t
}
remember() { pids="$pids $1"; } # a process id to end at exit

cleanup() {
	cleanup_status=$?
	trap - EXIT INT TERM
	[ ! -f "$conf" ] || "$semail_bin" -f "$conf" stop >/dev/null 2>&1
	for p in $pids; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
	if [ -f "$T/run/semaild.pid" ]; then
		p=$(cat "$T/run/semaild.pid")
		if [ -d "/proc/$p" ] && grep -q semaild "/proc/$p/comm" 2>/dev/null; then
			kill -9 "$p" # its children end with it
		fi
	fi
	if [ "$tap_failed" -gt 0 ] && [ -f "$T/semail.log" ]; then
		diag "last lines of the log:"
		tail -40 "$T/semail.log" | sed 's/^/# /' >&2
	fi
	# A database that was cut short while it was made still writes a bit.
	[ -n "${KEEP-}" ] || wait_for 10 rm -rf "$T"
	exit "$cleanup_status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A self-signed certificate for mail.test in $T/tls.
semail_cert() {
	mkdir -p "$T/tls"
	[ -f "$T/tls/key.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes \
	    -keyout "$T/tls/key.pem" -out "$T/tls/cert.pem" -days 30 \
	    -subj /CN=mail.test -addext "subjectAltName=DNS:mail.test,DNS:localhost,IP:127.0.0.1" \
	    >/dev/null 2>&1
	chmod 600 "$T/tls/key.pem"
}

# semail_conf [LINE...]: a configuration with all listeners on free ports
# (smtp_port submission_port submissions_port pop3_port pop3s_port admin_port),
# and lines.
semail_conf() {
	semail_cert
	if is_root; then "$top_srcdir/contrib/make-users" >/dev/null || exit 1; fi
	set -- "$@"
	semail_ports=$(free_ports 6)
	smtp_port=$(echo "$semail_ports" | sed -n 1p)
	submission_port=$(echo "$semail_ports" | sed -n 2p)
	submissions_port=$(echo "$semail_ports" | sed -n 3p)
	pop3_port=$(echo "$semail_ports" | sed -n 4p)
	pop3s_port=$(echo "$semail_ports" | sed -n 5p)
	admin_port=$(echo "$semail_ports" | sed -n 6p)
	export smtp_port submission_port submissions_port pop3_port pop3s_port
	export admin_port
	cat >"$conf" <<X
hostname mail.test
state-dir $T/state
run-dir $T/run
log-file $T/semail.log
listen-smtp 127.0.0.1:$smtp_port
listen-submission 127.0.0.1:$submission_port
listen-submissions 127.0.0.1:$submissions_port
listen-pop3 127.0.0.1:$pop3_port
listen-pop3s 127.0.0.1:$pop3s_port
listen-admin 127.0.0.1:$admin_port
tls-certificate $T/tls/cert.pem
tls-key $T/tls/key.pem
X
	for line in "$@"; do echo "$line" >>"$conf"; done
}
semail() { "$semail_bin" -f "$conf" "$@"; }
# semail_start: all daemons; the test ends here if they do not come up.
semail_start() {
	if ! semail_out=$(semail start 2>&1); then
		fail "semail start"
		diag "$semail_out"
		exit 1
	fi
}
semail_pid() { # the process id of a role (its first instance)
	semail status --json |
	    sed 's/},{/}\n{/g; s/"roles":\[/\n/' |
	    sed -n "s/.*\"role\":\"$1\",\"instance\":0,\"pid\":\([1-9][0-9]*\),.*/\1/p"
}
# newbal ADDRESS PASSWORD [OPTION...]: its domain too, if need be.
newdom() { wait_for 60 semail admin newdom "$1"; }
newbal() {
	newbal_address=$1
	newbal_password=$2
	shift 2
	printf '%s' "$newbal_password" |
	    semail admin newbal "$newbal_address" --password - "$@"
}
maildir() { # the Maildir of an address
	echo "$T/state/mail/${1#*@}/${1%@*}/Maildir"
}
maildir_count() { # messages in new/ and cur/
	find "$(maildir "$1")/new" "$(maildir "$1")/cur" -type f 2>/dev/null | wc -l
}
has_mail() { [ "$(maildir_count "$1")" -ge "$2" ]; }
home() { # of an address
	echo "$T/state/mail/${1#*@}/${1%@*}"
}
# as_owner ADDRESS COMMAND...: as the mailbox's own uid, in its home
as_owner() {
	owner_home=$(home "$1")
	owner_uid=$(stat -c %u "$owner_home")
	shift
	if is_root; then
		set -- setpriv --reuid="$owner_uid" --regid="$owner_uid" \
		    --clear-groups "$@"
	fi
	(cd "$owner_home" && "$@")
}
# sql STATEMENT: rows of the system's own database, columns between tabs.
if is_root; then db_user=semail-admin; else db_user=$(id -un); fi
sql() {
	set -- mariadb --no-defaults -N -B -S "$T/run/admind/db/sock" \
	    -u "$db_user" semail -e "$1"
	if is_root; then
		setpriv --reuid "$db_user" --regid "$db_user" --clear-groups "$@"
	else
		"$@"
	fi
}
# home_put ADDRESS NAME TEXT: a file in the home, of its owner
home_put() { printf '%s' "$3" | as_owner "$1" sh -c "cat >'$2'"; }
