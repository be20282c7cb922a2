#!/bin/sh
# The directory in a Galera cluster of three real nodes: writers on several at
# once leave an exact journal; a node that is killed or silent under load costs
# nothing that was acknowledged; without a majority changes are refused, and
# catch up by themselves.
. "${top_srcdir:-.}/t/lib.sh"
. "$top_srcdir/t/galera.sh"
galera_make 3 "CREATE DATABASE mail; CREATE USER 'semail'@'127.0.0.1' IDENTIFIED BY 'db pass';
    GRANT ALL ON mail.* TO 'semail'@'127.0.0.1'" || { fail "three nodes"; tail -5 "$T"/g?.log | sed 's/^/# /'; exit 1; }
pass "three nodes"
port() { eval "echo \$g_port$1"; }
code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }

# Is it the same everywhere, and the journal exact?
same_everywhere() { # NODE...
	same_first=
	for same_n in "$@"; do
		# What the others have, this one shows: it waits for it.
		same_is=$(gq "$same_n" "SET wsrep_sync_wait = 15; SELECT 1;
		    CHECKSUM TABLE mail.Journal, mail.Compteur, mail.BAL, mail.Domaine, mail.Identifiant, mail.Audit;
		    SELECT COUNT(*) - MAX(Jo_Numero), MIN(Jo_Numero) FROM mail.Journal;
		    SELECT Co_Valeur - (SELECT MAX(Jo_Numero) FROM mail.Journal) FROM mail.Compteur WHERE Co_Nom = 'journal'")
		[ -n "$same_first" ] || same_first=$same_is
		[ "$same_is" = "$same_first" ] || { echo "$same_first"; echo "$same_is"; return 1; }
	done
	printf '%s\n' "$same_first" | tail -2 | tr '\t\n' '  ' | grep -q '^0 1 0 $' || { echo "$same_first"; return 1; }
}

# ---- writers on two and three nodes --------------------------------------------
writers=${SEMAIL_BUILD:-$SEMAIL_PREFIX/..}/admind/dir_writers
turns=${TURNS:-100}
if [ -x "$writers" ]; then
	gq 1 "DROP DATABASE mail; CREATE DATABASE mail" # it is made by the first
	"$writers" write "semail@127.0.0.1:$(port 1)/mail" "db pass" 9 1 >/dev/null 2>&1
	"$writers" watch "semail@127.0.0.1:$(port 3)/mail" "db pass" >"$T/watch" 2>/dev/null &
	watch=$!
	for nodes in "1 2" "1 2 3"; do
		running=
		for n in $nodes; do
			"$writers" write "semail@127.0.0.1:$(port $n)/mail" "db pass" "$n" "$turns" \
			    >"$T/writer$n" 2>"$T/writer$n.err" &
			running="$running $!"
		done
		bad=0
		for p in $running; do wait "$p" || bad=$((bad + 1)); done
		is "writers on nodes $nodes" "$bad" 0
		for n in $nodes; do diag "$(cat "$T/writer$n") again=$(grep -c ' again ' "$T/writer$n.err")"; done
		ok "the same everywhere, no gap" same_everywhere 1 2 3
		like "none was refused" "$(cat "$T"/writer[123])" 'temporary=0 other=0'
	done
	kill $watch
	wait $watch
	is "each snapshot held all changes up to its number" $? 0
	diag "$(cat "$T/watch")"
	is "each name was made as often as removed, or once more" \
	    "$(gq 1 "SELECT COUNT(*) FROM (SELECT Au_Objet, SUM(Au_Type = 'NEWBAL') - SUM(Au_Type = 'DELBAL') AS n, (SELECT COUNT(*) FROM mail.BAL WHERE Ba_Login = SUBSTRING_INDEX(Au_Objet, '@', 1)) AS there FROM mail.Audit WHERE Au_Type <> 'NEWDOM' GROUP BY Au_Objet) a WHERE n <> there")" 0
	gq 1 "DROP DATABASE mail; CREATE DATABASE mail"
else
	fail "$writers is not built"
fi

# ---- admind with all three -----------------------------------------------------
echo 'db pass' >"$T/dbpass"
chmod 600 "$T/dbpass"
semail_conf "plaintext-login loopback" "database-password-file $T/dbpass" \
    "database semail@127.0.0.1:$(port 1),127.0.0.1:$(port 2),127.0.0.1:$(port 3)/mail"
semail_start
ok "newdom" newdom x.test
ok "newbal" newbal bob@x.test secret
login() { curl -s -S --max-time 20 -u bob@x.test:secret "pop3://127.0.0.1:$pop3_port/"; }
ok "login" login
ok "on all of them" same_everywhere 1 2 3
logged() { grep -q "$1" "$T/semail.log"; }
# The node admind is connected to.
serving() {
	for serving_n in 1 2 3; do
		[ "$(gq $serving_n "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'semail'")" = 2 ] && echo $serving_n
	done
}
is "it is with the first" "$(serving)" 1

# One request after the other, each until it is done; what each try was told.
load() { # PREFIX COUNT
	load_i=0
	load_until=$(($(date +%s) + 120))
	while [ $load_i -lt "$2" ] && [ "$(date +%s)" -lt $load_until ]; do
		until load_code=$(printf pw | semail admin --json newbal "$1$load_i@x.test" --password - 2>/dev/null | code)
		      echo "$1$load_i $load_code" >>"$T/load.$1"
		      [ "$load_code" = 0 ] || [ "$(date +%s)" -ge $load_until ] ||
		      ! [ -f "$conf" ]; do
			sleep 0.05
		done
		load_i=$((load_i + 1))
	done
}
loaded() { [ "$(cat "$T/load.$1" 2>/dev/null | wc -l)" -ge "$2" ]; }
# under_load NAME COMMAND...: run it in the middle of two loads.
under_load() {
	under_name=$1
	shift
	load "a$under_name" 15 &
	under_a=$!
	remember $!
	load "b$under_name" 15 &
	under_b=$!
	remember $!
	wait_for 30 loaded "a$under_name" 4
	"$@"
	wait $under_a $under_b
	is "$under_name: each was done" "$(cat "$T/load.a$under_name" "$T/load.b$under_name" | grep -c ' 0$')" 30
	is "$under_name: or refused for now" "$(cat "$T/load.a$under_name" "$T/load.b$under_name" | grep -vcE ' (0|-2)$')" 0
	diag "$under_name: $(cat "$T/load.a$under_name" "$T/load.b$under_name" | grep -vc ' 0$') refused for now"
}
# there NAME NODE: all that was acknowledged is there.
there() {
	there_got=$(gq "$2" "SET wsrep_sync_wait = 15; SELECT COUNT(*) FROM mail.BAL WHERE Ba_Etat = 'ACTIVE' AND Ba_Login REGEXP '^[ab]$1'")
	[ "$there_got" = 30 ] || { echo "$there_got"; return 1; }
}

under_load kill galera_stop 1 KILL
ok "all of it on the second" there kill 2
ok "and on the third" there kill 3
ok "the same on both" same_everywhere 2 3
with=$(serving)
like "admind is with one of them" "$with" '^[23]$'
galera_back 1
ok "the killed one is back" galera_synced 1
ok "and has all of it" same_everywhere 1 2 3
ok "newdom" newdom y.test
is "admind stays where it is" "$(serving)" "$with"

under_load stop kill -STOP "$(galera_pid "$with")"
ok "with a silent node: all of it on the others" there stop $((5 - with))
kill -CONT "$(galera_pid "$with")"
# It believes that it is in sync until it hears that it is out.
ok "the silent one is back and has all of it" wait_for 60 same_everywhere 1 2 3

# ---- without a majority ----------------------------------------------------------
n=$(serving)
for other in 1 2 3; do
	[ $other = "$n" ] || galera_stop $other KILL
done
alone() { [ "$(gq "$n" "SHOW STATUS LIKE 'wsrep_ready'" | cut -f2)" = OFF ]; }
ok "a node alone is not ready" wait_for 20 alone
is "changes are refused for now" "$(semail admin --json newdom z.test | code)" -2
ok "logins go on" login
for other in 1 2 3; do
	[ $other = "$n" ] || galera_back $other
done
ok "with the others back they are done" wait_for 60 semail admin newdom z.test
for other in 1 2 3; do ok "node $other" galera_synced $other; done
ok "the same everywhere" same_everywhere 1 2 3
under_load last true
ok "all of it everywhere" same_everywhere 1 2 3
is "nothing is unfinished" "$(gq 1 "SELECT COUNT(*) FROM mail.BAL WHERE Ba_Etat <> 'ACTIVE'")" 0
is "no password in the log" "$(grep -c 'db pass' "$T/semail.log")" 0
diag "$(grep -o 'database error="[0-9]* [^"]*' "$T/semail.log" | sort | uniq -c)"
done_testing
