#!/bin/sh
# Hooks: run after the change is done and the panel has its answer, in order,
# at least once, as a user who may nothing; what a failing one means.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
mkdir "$T/hooks" "$T/out"
chmod 755 "$T/hooks"
chmod 777 "$T/out"
hook() { # NAME: a script from standard input
	{ echo '#!/bin/sh'; cat; } >"$T/hooks/$1.new"
	chmod 755 "$T/hooks/$1.new"
	mv "$T/hooks/$1.new" "$T/hooks/$1"
}
for h in domain-new domain-mod domain-del mailbox-new mailbox-mod mailbox-del \
    alias-new virtual-new client-new; do
	hook $h <<-X
		env >"$T/out/\$SEMAIL_HOOK.env"
		echo "\$SEMAIL_HOOK \$SEMAIL_TYPE \$SEMAIL_OBJECT" >>$T/out/all
	X
done
semail_conf "plaintext-login loopback" "hook-dir $T/hooks" "hook-timeout 3s"
semail_start
ok "newdom" newdom x.test
ran() { grep -qxF "$1" "$T/out/all"; }
hook_state() { # OBJECT
	sql "SELECT Au_Crochet FROM Audit WHERE Au_Objet = '$1' ORDER BY Au_Id DESC LIMIT 1"
}
is_hook_state() { [ "$(hook_state "$1")" = "$2" ]; }
all_run() { [ "$(sql "SELECT COUNT(*) FROM Audit WHERE Au_Crochet IN ('APRES', 'ATTENTE')")" = 0 ]; }
var() { sed -n "s/^SEMAIL_$2=//p" "$T/out/$1.env"; }

# ---- what they are told ------------------------------------------------------
ok "domain-new" wait_for 10 ran "domain-new NEWDOM x.test"
is "its domain" "$(var domain-new DOMAIN)" x.test
is "its environment" "$(sed 's/=.*//' "$T/out/domain-new.env" | sort | tr '\n' ' ')" \
    "HOME LANG PATH PWD SEMAIL_AUDIT_ID SEMAIL_DATE SEMAIL_DOMAIN SEMAIL_HOOK SEMAIL_OBJECT SEMAIL_ORIGIN SEMAIL_TYPE SEMAIL_WHO "
ok "newbal" newbal bob@x.test pw
ok "mailbox-new" wait_for 10 ran "mailbox-new NEWBAL bob@x.test"
is "login" "$(var mailbox-new MAILBOX)" bob
is "domain" "$(var mailbox-new DOMAIN)" x.test
is "address" "$(var mailbox-new ADDRESS)" bob@x.test
is "home" "$(var mailbox-new HOME)" "$T/state/mail/x.test/bob"
is "who" "$(var mailbox-new WHO)" "uid=$(id -u)"
is "from where" "$(var mailbox-new ORIGIN)" unix
is "the audit row" "$(sql "SELECT Au_Objet FROM Audit WHERE Au_Id = $(var mailbox-new AUDIT_ID)")" bob@x.test
is "which says that it is done" "$(wait_for 5 all_run; hook_state bob@x.test)" FAIT
ok "delbal" semail admin delbal bob@x.test
ok "mailbox-del" wait_for 10 ran "mailbox-del DELBAL bob@x.test"
is "nothing secret is told" "$(grep -l pw "$T"/out/*.env)" ""
if is_root; then
	is "they run as hook-user" "$(stat -c %U "$T/out/all")" semail-hook
	hook domain-new <<-X
		{ id; cat $T/state/admin.key; cat $conf.secret; ls $T/state/mail/x.test/eve;
		  ls $T/state/auth; ls $T/state/db; ls $T/run/admind; ls $T/run/ctl; } >$T/out/read 2>&1
		grep -E '^(CapEff|NoNewPrivs)' /proc/self/status >$T/out/caps
	X
	echo secret >"$conf.secret"
	chmod 600 "$conf.secret"
	newbal eve@x.test pw
	newdom walls.test
	ok "it runs" wait_for 10 test -s "$T/out/caps"
	is "and can read nothing of ours" "$(grep -c 'Permission denied' "$T/out/read")" 7
	is "has no rights" "$(tr '\n\t' '  ' <"$T/out/caps")" "CapEff: 0000000000000000 NoNewPrivs: 1 "
fi

# ---- after the effects, in order ----------------------------------------------
: >"$T/out/all"
hook mailbox-new <<X
[ -d "\$SEMAIL_HOME" ] &&
    echo "\$SEMAIL_HOOK \$SEMAIL_TYPE \$SEMAIL_OBJECT" >>$T/out/all
X
pid=$(semail_pid authd)
kill -STOP "$pid"
(newbal held@x.test pw >/dev/null 2>&1) &
waits() { is_hook_state held@x.test APRES; }
ok "a mailbox without a home yet: its hook waits" wait_for 10 waits
kill -CONT "$pid"
wait
ok "it is there: the hook runs" wait_for 20 ran "mailbox-new NEWBAL held@x.test"
: >"$T/out/all"
for i in 1 2 3 4 5; do newbal n$i@x.test pw >/dev/null; done
wait_for 20 all_run # while the homes are there
for i in 5 4 3 2 1; do semail admin delbal n$i@x.test >/dev/null; done
wait_for 20 all_run
is "ten changes, in their order" "$(awk '{ print $3 }' "$T/out/all" | cut -d@ -f1 | tr '\n' ' ')" \
    "n1 n2 n3 n4 n5 n5 n4 n3 n2 n1 "

# ---- a failing one ---------------------------------------------------------------
hook domain-new <<X
echo "no place for \$SEMAIL_DOMAIN"
exit 3
X
ok "newdom, whose hook fails" newdom fails.test
ok "is ECHEC" wait_for 10 is_hook_state fails.test ECHEC
is "with a reason" "$(sql "SELECT Au_Commentaire FROM Audit WHERE Au_Objet = 'fails.test'")" \
    "exit status 3: no place for fails.test"
ok "the change stands" semail admin newdom fails.test
like "it is in the log" "$(grep 'hook failed' "$T/semail.log")" 'object="fails.test" reason="exit status 3: no place for fails.test"'
like "and so is what it printed" "$(grep hook-output "$T/semail.log")" 'line="no place for fails.test"'
hook domain-new <<X
(setsid sh -c "echo \\\$\\\$ >$T/out/escaped; sleep 300") &
sleep 300
X
began=$(date +%s)
ok "newdom, whose hook hangs" newdom slow.test
ok "the panel does not wait for it" test $(($(date +%s) - began)) -lt 3
ok "and the next change does not" newbal quick@x.test pw
is "while it runs" "$(hook_state slow.test)" ATTENTE
ok "it is killed" wait_for 15 is_hook_state slow.test ECHEC
is "at its time limit" "$(sql "SELECT Au_Commentaire FROM Audit WHERE Au_Objet = 'slow.test'")" "killed at its time limit"
ok "with who left its group" sh -c "! kill -0 $(cat "$T/out/escaped") 2>/dev/null"
ok "the next one runs" wait_for 10 ran "mailbox-new NEWBAL quick@x.test"
is "and failed ones are not run again" "$(hook_state slow.test)" ECHEC

# ---- deaths --------------------------------------------------------------------------
# The runner cannot be had again by a confined spawnd: that ends with it.
runner_pid() { ps -o pid=,comm= --ppid "$(semail_pid spawnd)" | awk '$2 == "semail-hooks" { print $1 }'; }
victim_pid() { if [ "$1" = runner ]; then runner_pid; else semail_pid "$1"; fi; }
for victim in runner spawnd admind; do
	hook domain-new <<-X
		echo "\$SEMAIL_DOMAIN" >>$T/out/tries
		[ -e $T/out/go ] || { touch $T/out/runs; sleep 2; }
	X
	rm -f "$T/out/go" "$T/out/runs"
	ok "newdom" newdom $victim.test
	ok "its hook runs" wait_for 10 test -e "$T/out/runs"
	touch "$T/out/go"
	kill -9 "$(victim_pid $victim)"
	ok "$victim dies: it is run again" wait_for 30 is_hook_state $victim.test FAIT
	is "twice" "$(grep -c $victim.test "$T/out/tries")" 2
done

# ---- what is not run ------------------------------------------------------------------
rm "$T/hooks/domain-new"
ok "newdom" newdom gone.test
ok "a hook that is gone" wait_for 10 is_hook_state gone.test FAIT
ok "reload" semail reload
ok "newdom" newdom none.test
is "is not waited for any more" "$(hook_state none.test)" RIEN
echo "#!/bin/sh" >"$T/hooks/domain-new"
chmod 777 "$T/hooks/domain-new"
like "one that all may write is an error" "$(semail check 2>&1)" "domain-new: must be root's and writable by nobody else"
like "also at a reload" "$(semail reload 2>&1)" "domain-new"
chmod 644 "$T/hooks/domain-new"
ok "one that is not executable is switched off" semail check
if is_root; then
	chmod 755 "$T/hooks/domain-new"
	echo "hook-user root" >>"$conf"
	like "never root" "$(semail check 2>&1)" "hook-user root must not be root"
	sed -i '/hook-user/d' "$conf"
fi
echo "hook-dir $T/nowhere" >"$T/other.conf"
grep -v '^hook-dir' "$conf" >>"$T/other.conf"
like "no such folder" "$("$semail_bin" -f "$T/other.conf" check 2>&1)" "other.conf:1: hook-dir $T/nowhere"
done_testing
