#!/bin/sh
# The journal does not grow for ever; an authd that is further behind than it
# reaches is given everything.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login loopback" "journal-keep 1s"
semail_start
login() { curl -s -S --max-time 20 -u "$1:pw" "pop3://127.0.0.1:$pop3_port/"; }
pruned() { [ "$(sql 'SELECT COUNT(*) FROM Journal')" = 0 ]; }
ok "newdom" newdom x.test
ok "newbal" newbal early@x.test pw
ok "login" login early@x.test
ok "what authd has goes from the journal" wait_for 30 pruned

semail stop
mkdir "$T/before"
cp -a "$T/state/auth/." "$T/before/"
semail_start
ok "newbal" wait_for 30 newbal late@x.test pw
is "its number is the next" "$(sql "SELECT Co_Valeur > 4 FROM Compteur WHERE Co_Nom = 'journal'")" 1
ok "it goes, too" wait_for 30 pruned

semail stop
rm -r "$T/state/auth/"*
cp -a "$T/before/." "$T/state/auth/"
before=$(grep -c 'feed loaded' "$T/semail.log")
semail_start
ok "an authd of long ago is brought up to date" wait_for 30 login late@x.test
ok "by loading everything" grep -q 'the journal does not hold all' "$T/semail.log"
is "once" "$(($(grep -c 'feed loaded' "$T/semail.log") - before))" 1
ok "login" login early@x.test
done_testing
