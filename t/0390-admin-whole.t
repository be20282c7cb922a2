#!/bin/sh
# The directory from nothing to mail, by commands only: a company, its client,
# domains, mailboxes, aliases, virtual users; mail to each kind of address is
# where it should be and nowhere else; the same by PHP, Python and C over TCP.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
where=127.0.0.1:$admin_port
exports=$T/state/exports

# ---- mail to each kind of address -------------------------------------------------
mark=0
copies=0
: >"$T/sent"
# to ADDRESS MAILBOX...: send, and remember where it should arrive.
to() {
	mark=$((mark + 1))
	copies=$((copies + $# - 1))
	echo "$mark $*" >>"$T/sent"
	printf 'Subject: mark-%s-\r\n\r\nhello\r\n' $mark |
	    curl -sS --max-time 20 --url "smtp://127.0.0.1:$smtp_port" \
	    --mail-from a@elsewhere.test --mail-rcpt "$1" --upload-file - ||
	    fail "mail to $1"
}
all_there() {
	[ "$(find "$T"/state/mail/*/*/Maildir/new "$T"/state/mail/*/*/Maildir/cur -type f | wc -l)" -ge $copies ]
}
found() { # MARK: the mailboxes that have it, in order
	grep -rl -- "mark-$1-" "$T"/state/mail/*/*/Maildir/new "$T"/state/mail/*/*/Maildir/cur |
	    sed "s:^$T/state/mail/\([^/]*\)/\([^/]*\)/.*:\2@\1:" |
	    sort | tr '\n' ' '
}
# All of it, and only there.
arrived() {
	wait_for 30 all_there
	while read -r n address rest; do
		is "mail to $address" "$(found "$n")" "$rest "
	done <"$T/sent"
	is "and no copy more" "$(find "$T"/state/mail/*/*/Maildir/new "$T"/state/mail/*/*/Maildir/cur -type f | wc -l)" $copies
	: >"$T/sent"
}
rcpt() { # the reply to RCPT TO:<ADDRESS>
	swaks --server "127.0.0.1:$smtp_port" --from a@elsewhere.test --to "$1" \
	    --quit-after RCPT 2>&1 | sed -n '/RCPT TO/{n;s/^[< *-]*\([0-9]* [0-9.]*\).*/\1/p;}'
}
pop() { # LOGIN PASSWORD [NUMBER]
	printf 'user = "%s:%s"\n' "$1" "$2" | curl -sS --max-time 20 --ssl-reqd \
	    --cacert "$T/tls/cert.pem" -K - "pop3://localhost:$pop3_port/${3-}"
}
has() { grep -Eq -- "$2" "$exports/$1"; }

# ---- with semail admin ---------------------------------------------------------------
admin() { semail admin "$@" 2>&1; }
first=$(wait_for 60 semail admin stat; admin newcompany "Acme" --phone 0123)
company=$(echo "$first" | tail -1)
like "a company has a number" "$company" '^[0-9]+$'
ok "a client of it" sh -c "echo 'acme pw' | '$semail_bin' -f '$conf' admin newclient acme --company $company --name Jane --password -"
ok "a domain" semail admin newdom a.test --client acme
ok "and another" semail admin newdom b.test --client acme
for i in 0 1 2 3 4 5 6 7 8 9; do
	printf 'password-%s' $i | semail admin newbal "m$i@a.test" --password - \
	    --comment "Person $i" --quota 10000 --short "short$i" >>"$T/out" 2>&1
done
is "ten mailboxes" "$(grep -c 'has been made' "$T/out")" 10
for cmd in "newalias staff --list m1@a.test,m2@a.test --domain a.test" \
    "newalias team --list staff,m3@a.test --domain a.test" \
    "newalias desk --list m8@a.test --domain b.test" \
    "newvirt sales@b.test m4@a.test" "newvirt help@b.test team" \
    "newvirt @b.test m0@a.test" "newvirt @a.test desk" \
    "setbal m5@a.test --forward m6@a.test"; do
	# shellcheck disable=SC2086 # words
	ok "$cmd" semail admin $cmd
done
to m7@a.test m7@a.test
to M7@A.TEST m7@a.test
to staff@a.test m1@a.test m2@a.test
to team@a.test m1@a.test m2@a.test m3@a.test
to desk@b.test m8@a.test
to sales@b.test m4@a.test
to help@b.test m1@a.test m2@a.test m3@a.test
to anybody@b.test m0@a.test
to anybody@a.test m8@a.test
to m5@a.test m6@a.test
arrived
like "nobody elsewhere" "$(rcpt x@elsewhere.test)" '^550 5.7.1'

ok "aliases: names" has aliases '^staff: m1@a.test,m2@a.test$'
ok "and aliases of aliases" has aliases '^team: staff,m3@a.test$'
ok "virtual: an address" has virtual '^sales@b.test  m4@a.test$'
ok "an alias" has virtual '^help@b.test  team$'
ok "a catch-all" has virtual '^@b.test  m0@a.test$'
ok "passwd" has passwd '^m9@a.test:x:[0-9]+:[0-9]+:Person 9:.*/mail/a.test/m9:'
is "ten of them" "$(grep -c '@a.test:x:' "$exports/passwd")" 10

like "fetched with the whole address" "$(pop m7@a.test password-7 1)" 'mark-1-'
like "with the flat form" "$(pop m7.a.test password-7 1)" 'mark-1-'
if pop short7 password-7 >/dev/null 2>&1; then
	fail "no short login without SANSDOMAINE"
else
	pass "no short login without SANSDOMAINE"
fi
ok "SANSDOMAINE" semail admin modserver local --logins SANSDOMAINE
like "with the short login" "$(pop short7 password-7 2)" 'mark-2-'
ok "the whole address still" pop m7@a.test password-7

# ---- by panels, over TCP ------------------------------------------------------------------
key=$(semail admin newpanel hosting | grep '^semail1:')
printf 'admin pw' | semail admin passadmin admin --password - >/dev/null
cat >"$T/panel.c" <<'X'
#include <semail/admin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int
main(int argc, char *argv[])
{
	struct semail_admin *a = semail_admin_new(getenv("SEMAIL_ADMIN_KEY"), argv[1]);
	char line[256];
	int r;

	if (a == NULL || argc < 4)
		return 1;
	semail_admin_begin(a, argv[2], getenv("SEMAIL_ADMIN_LOGIN"),
	    getenv("SEMAIL_ADMIN_PASSWORD"), argv[3]);
	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "-") == 0 && fgets(line, sizeof(line), stdin) != NULL)
			semail_admin_add(a, line);
		else
			semail_admin_add(a, argv[i]);
	}
	r = semail_admin_call(a);
	printf("%s\n", semail_admin_comment(a));
	if (semail_admin_rows(a) > 0)
		printf("%s\n", semail_admin_cell(a, 0, 0, NULL));
	semail_admin_free(a);
	return r != 0;
}
X
sanitize=${SEMAIL_SANITIZED:+-fsanitize=address,undefined}
# shellcheck disable=SC2046,SC2086 # flags
ok "a program with the library, as pkg-config says" \
    cc $sanitize -Wall -Werror -o "$T/panel" "$T/panel.c" \
    $(PKG_CONFIG_PATH=$SEMAIL_PREFIX/lib/pkgconfig pkg-config --static --cflags --libs \
        --define-variable=prefix="$SEMAIL_PREFIX" semail-admin)
php_ask() { php "$top_srcdir/contrib/panel/semail.php" "$where" "$@"; }
python_ask() { /usr/bin/python3 -B "$top_srcdir/contrib/panel/semail.py" "$where" "$@"; }
c_ask() { "$T/panel" "$where" "$@"; }
as() { # LOGIN ASK TYPE DOMAIN FIELD...: the passwords are "LOGIN pw"
	as_login=$1
	shift
	SEMAIL_ADMIN_KEY=$key SEMAIL_ADMIN_LOGIN=$as_login \
	    SEMAIL_ADMIN_PASSWORD="$as_login pw" "$@"
}
for panel in php python c; do
	ask=${panel}_ask
	x=$panel-x.test
	y=$panel-y.test
	company=$(as admin $ask NEWCOMPANY "" "Firm of $panel" phone=0123 | tail -1)
	ok "$panel: a client" as admin $ask NEWCLIENT "" $panel "password=$panel pw" "company=$company"
	ok "$panel: a domain" as $panel $ask NEWDOM $x $x
	ok "$panel: and another" as $panel $ask NEWDOM $y $y
	for m in ann ben; do
		printf '%s' "secret $m" >"$T/password"
		ok "$panel: a mailbox" as $panel $ask NEWBAL $x $m - "$m, of $panel" 5000 <"$T/password"
	done
	ok "$panel: an alias" as $panel $ask NEWALIAS $x $panel-all "ann@$x,ben@$x"
	ok "$panel: a virtual user" as $panel $ask NEWVIRT "" sales $y ann $x
	ok "$panel: a catch-all" as $panel $ask NEWVIRT "" "" $y ben $x
	to "ann@$x" "ann@$x"
	to "$panel-all@$x" "ann@$x" "ben@$x"
	to "sales@$y" "ann@$x"
	to "who@$y" "ben@$x"
	if as $panel $ask DELDOM a.test a.test force=yes >/dev/null 2>&1; then
		fail "$panel: not another's domain"
	else
		pass "$panel: not another's domain"
	fi
done
arrived
for panel in php python c; do
	like "nobody at the first domain of $panel" "$(rcpt nobody@$panel-x.test)" '^550 5.1.1'
	ok "aliases" has aliases "^$panel-all: ann@$panel-x.test,ben@$panel-x.test\$"
	ok "virtual" has virtual "^@$panel-y.test  ben@$panel-x.test\$"
	ok "passwd" has passwd "^ben@$panel-x.test:x:[0-9]+:[0-9]+:ben, of $panel:"
	like "what came is fetched" "$(pop "ann@$panel-x.test" "secret ann" 1)" 'mark-'
done
done_testing
