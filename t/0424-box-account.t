#!/bin/sh
# Unix accounts as mailboxes: mail is in their homes, with their uid and group;
# nothing there is made or removed but mail.  With a passwd file of the test's
# own, which only its SEMail sees.
. "${top_srcdir:-.}/t/lib.sh"
is_root || { echo "1..0 # SKIP only root becomes another account"; exit 0; }
semail_conf "plaintext-login loopback" "worker-linger 60s" \
    "queue-retry-min 100ms" "queue-retry-max 300ms"
# ---- a passwd file ---------------------------------------------------------------
group=t$$grp
ann=t$$ann bob=t$$bob cat=t$$cat # by name, in the group, of the group
ann_uid=1234567001 bob_uid=1234567002 cat_uid=1234567003 gid=1234567900
people=$T/people
mkdir -m 755 "$people"
account() { # NAME UID [HOME]
	echo "$1:x:$2:$gid::${3:-$people/$1}:/bin/sh" >>"$T/passwd"
}
cp /etc/passwd "$T/passwd"
cp /etc/group "$T/group"
chmod 644 "$T/passwd" "$T/group"
echo "$group:x:1234567901:$bob" >>"$T/group"
account "$ann" $ann_uid
account "$bob" $bob_uid
echo "$cat:x:$cat_uid:1234567901::$people/$cat:/bin/sh" >>"$T/passwd"
account "t$$low" 999
account "t$$high" 1900000005
account "t$$rel" 1234567010 people
account "t$$twin" $ann_uid
echo "t$$zero:x:1234567011:0::/x:/bin/sh" >>"$T/passwd"
for a in ann bob cat; do
	eval "name=\$$a uid=\${${a}_uid}"
	mkdir -m 700 "$people/$name" && chown "$uid:$gid" "$people/$name"
done
# With them in place of the system's.
with_people() {
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount --bind "$1/passwd" /etc/passwd &&
	    mount --bind "$1/group" /etc/group && shift && exec "$@"' sh "$T" "$@"
}
if ! with_people getent passwd "$ann" >/dev/null 2>&1; then
	echo "1..0 # SKIP no mount namespace for a passwd file"
	exit 0
fi

# ---- what is no mailbox -------------------------------------------------------------
setting() { # VALUE: unix-accounts
	sed -i '/^unix-accounts/d' "$conf"
	[ -z "$1" ] || echo "unix-accounts $1" >>"$conf"
}
check() { with_people "$@" "$semail_bin" -f "$conf" check 2>&1; }
line=$(($(wc -l <"$conf") + 1))
refused() { # NAME VALUE PATTERN
	setting "$2"
	like "$1" "$(check)" "^$conf:$line: unix-accounts: $3"
}
refused "no such account" "t$$none" "t$$none is no account of this system; make it"
is "told once" "$(check | grep -c "t$$none")" 1
refused "no such group" "group:t$$none" "t$$none is no group of this system"
refused "root" "$ann root" "root has uid 0: those below 1000"
refused "one of the system's" "t$$low" "t$$low has uid 999"
refused "one of ours" semail-smtp "semail-smtp (has uid|is one of)"
refused "in the range of mailboxes" "t$$high" \
    "t$$high has uid 1900000005, which uid-first and uid-last"
refused "root's group" "t$$zero" "t$$zero has root's group"
refused "a home that is no path" "t$$rel" \
    "t$$rel has the home \"people\", which is no absolute path"
refused "two that are one" "$ann t$$twin" \
    "t$$twin has the uid $ann_uid of $ann, but an account is one mailbox"
setting "$ann"
# Not its key, which only root can read.
grep -Ev '^(tls-|listen-submissions|listen-pop3s)' "$conf" >"$T/plain.conf"
chmod 644 "$conf" "$T/plain.conf"
like "without root" "$(conf=$T/plain.conf check setpriv --reuid=65534 --clear-groups)" \
    "^$T/plain.conf:[0-9]+: unix-accounts: $ann cannot be a mailbox: only root"
setting "$ann group:$group $ann"
like "good ones" "$(check)" ': good$'

# ---- mail -----------------------------------------------------------------------------
ok "semail start" with_people "$semail_bin" -f "$conf" start
newdom here.test
newbal other@here.test secret-2 >/dev/null || exit 1
ok "an account becomes a mailbox" newbal ann@here.test secret-1 --quota 500 --account "$ann"
like "with its uid" "$(semail admin showbal ann@here.test --json)" "\"$ann_uid\""
mail() { # TO
	curl -sS --crlf --mail-from s@x.test --mail-rcpt "$1" \
	    -T "$top_srcdir/t/data/one-message.txt" "smtp://127.0.0.1:$smtp_port"
}
messages() { # NAME: in its home
	find "$people/$1/Maildir/new" "$people/$1/Maildir/cur" -type f | wc -l
}
has() { [ "$(messages "$1")" = "$2" ]; } # NAME N
try() { # ADDRESS PASSWORD: +OK N messages, or an error
	perl -MIO::Socket::INET -e 'my ($port, $u, $p) = @ARGV;
	    my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 30) or die;
	    $c->autoflush(1); <$c>; print $c "USER $u\r\n"; <$c>; print $c "PASS $p\r\n";
	    my $l = <$c> // ""; print $c "QUIT\r\n"; <$c>;
	    $l =~ /^(\+OK \d+|-ERR \[[A-Z\/]+\])/; print $1 // $l' "$pop3_port" "$1" "$2"
}
ok "mail for it" mail ann@here.test
ok "is in its home" wait_for 20 has "$ann" 1
is "all of it is the account's" \
    "$(find "$people/$ann" ! -uid $ann_uid -o ! -gid $gid)" ""
is "the home is as it was" "$(stat -c %a "$people/$ann")" 700
ok "nothing is below mail" test ! -e "$T/state/mail/here.test/ann"
is "its quota" "$(head -1 "$people/$ann/Maildir/maildirsize")" 512000S
is "POP3 with the mailbox's password" "$(try ann@here.test secret-1)" "+OK 1"
like "and no other" "$(try ann@here.test secret-2)" 'ERR \[AUTH\]'
spawnd=$(semail_pid spawnd)
worker() { # UID: its worker
	for p in $(ps -o pid= --ppid "$spawnd"); do
		awk -v uid="$1" '/^Uid:/ { exit !($2 == uid) }' "/proc/$p/status" &&
		    echo "$p"
	done
}
pid=$(worker $ann_uid)
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' ' | sed 's/ *$//'; }
is "its worker has the account's group" "$(field "$pid" Gid)" "$gid $gid $gid $gid"
is "and no other" "$(field "$pid" Groups)" $gid
is "and no capabilities" "$(field "$pid" CapPrm)" 0000000000000000
other_uid=$(stat -c %u "$T/state/mail/here.test/other")
if setpriv --reuid="$other_uid" --regid="$other_uid" --clear-groups \
    ls "$people/$ann" >/dev/null 2>&1; then
	fail "another mailbox sees nothing of it"
else
	pass "another mailbox sees nothing of it"
fi
for a in bob cat; do
	eval "name=\$$a uid=\${${a}_uid}"
	ok "$a: by the group" newbal $a@here.test secret-1 --account "$name"
	ok "mail for it" mail $a@here.test
	ok "is in its home" wait_for 20 has "$name" 1
	is "with its uid" "$(stat -c %u "$people/$name/Maildir")" "$uid"
done

# ---- settings -----------------------------------------------------------------------------
as_ann() { setpriv --reuid=$ann_uid --regid=$gid --clear-groups "$@"; }
as_ann sh -c "echo other@here.test >$people/$ann/.forward"
ok "mail for one that forwards" mail ann@here.test
ok "goes on" wait_for 20 has_mail other@here.test 1
is "and not into its home" "$(messages "$ann")" 1
ok "a forward set by the administrator" semail admin setbal ann@here.test --forward bob@here.test
ok "is in its .forward" grep -q bob@here.test "$people/$ann/.forward"
is "which is the account's" "$(stat -c %u:%g "$people/$ann/.forward")" $ann_uid:$gid
ok "no forward" semail admin setbal ann@here.test --forward ""
ok "is none" test ! -e "$people/$ann/.forward"
ok "passwd has its group and home" grep -q \
    "^ann@here.test:x:$ann_uid:$gid::$people/$ann:" "$T/state/exports/passwd"
ok "and others have theirs" grep -q \
    "^other@here.test:x:$other_uid:$other_uid::$T/state/mail/here.test/other:" \
    "$T/state/exports/passwd"

# ---- what is refused ----------------------------------------------------------------------------
fails() { # NAME PATTERN COMMAND...: it says so
	fails_name=$1 fails_like=$2
	shift 2
	if out=$("$@" 2>&1); then
		fail "$fails_name"
	else
		like "$fails_name" "$out" "$fails_like"
	fi
}
is "SHOWBAL tells it" "$(semail admin --json showbal ann@here.test | grep -o '"account":"[^"]*"')" "\"account\":\"$ann\""
semail admin export mailboxes | grep "^ann," >"$T/ann.csv"
is "an export has it" "$(grep -c ",$ann\$" "$T/ann.csv")" 1
is "and nothing for others" "$(semail admin --json showbal other@here.test | grep -o '"account":"[^"]*"')" '"account":""'
ok "the same again" newbal ann@here.test secret-1 --quota 500 --account "$ann"
fails "the same, but no account" "exists with other values" \
    newbal ann@here.test secret-1 --quota 500
fails "the same, but another account" "exists with other values" \
    newbal ann@here.test secret-1 --quota 500 --account "$bob"
fails "one that is no account" "exists with other values" \
    newbal other@here.test secret-2 --account "$ann"
fails "an account twice" "account $ann is the mailbox ann@here.test" \
    newbal ann2@here.test secret-1 --account "$ann"
fails "an account that is not in the setting" "none of unix-accounts in semail.conf" \
    newbal x@here.test secret-1 --account "t$$low"
fails "root" "none of unix-accounts" newbal x@here.test secret-1 --account root
printf c-secret | semail admin newclient cl --password - >/dev/null
printf c-secret >"$T/c-secret"
chmod 600 "$T/c-secret"
ok "a client's domain" semail admin newdom cl.test --client cl
fails "a client may name none" "account is for administrators" newbal x@cl.test secret-1 \
    --account "$ann" --login cl --login-password-file "$T/c-secret"
# shellcheck disable=SC2016
hash='$6$x$i5tbULaXXq4WoGDg0LVS2Mf8M2XzVXTFzBrsdMSxuCu06VeFcI4YbLdvk6y5tKcMF1sRIaqzXbtrBGIY5MNTx1'
printf 'address,hash,account\nimp@here.test,"%s",%s\n' "$hash" "t$$low" >"$T/import.csv"
chmod 600 "$T/import.csv"
fails "an import, too" "none of unix-accounts" semail admin import "$T/import.csv"
ok "that mailbox is deleted" semail admin delbal cat@here.test
sed -i "s/t$$low/$cat/" "$T/import.csv"
ok "an import with an account" semail admin import "$T/import.csv"
ok "mail for it" mail imp@here.test
ok "is with what was there" wait_for 20 has "$cat" 2

# ---- deleted, and made again --------------------------------------------------------------------------
echo mine >"$people/$bob/file"
before=$(cd "$people/$bob" && find . | sort)
ok "delbal" semail admin delbal bob@here.test
is "leaves the home" "$(cd "$people/$bob" && find . | sort)" "$before"
is "as it was" "$(stat -c %u:%g:%a "$people/$bob")" $bob_uid:$gid:700
is "its worker is gone" "$(worker $bob_uid)" ""
is "nobody logs in" "$(try bob@here.test secret-1)" "-ERR [AUTH]"
ok "made again" newbal bob@here.test secret-3 --account "$bob"
is "it has the mail there was" "$(try bob@here.test secret-3)" "+OK 1"

# ---- a home that is not its own ------------------------------------------------------------------------
semail admin delbal bob@here.test >/dev/null
mv "$people/$bob" "$people/$bob.was"
ln -s "$people/$bob.was" "$people/$bob"
fails "a home that is a link" "the account has no home that is its own" \
    newbal bob@here.test secret-3 --account "$bob"
rm "$people/$bob"
mkdir -m 777 "$people/$bob"
fails "a home that is root's" "the account has no home that is its own" \
    newbal bob@here.test secret-3 --account "$bob"
is "stays root's" "$(stat -c %u "$people/$bob")" 0
rmdir "$people/$bob"
mv "$people/$bob.was" "$people/$bob"
ok "its own" newbal bob@here.test secret-3 --account "$bob"

# ---- an account no more ------------------------------------------------------------------------------------
is "a session starts a worker" "$(try ann@here.test secret-1)" "+OK 1"
pid=$(worker $ann_uid)
ok "there is one" test -n "$pid"
setting "group:$group"
ok "a reload without the account" semail reload
ended() { [ -z "$(worker $ann_uid)" ]; }
ok "ends its worker" wait_for 10 ended
is "it does not log in" "$(try ann@here.test secret-1)" "-ERR [SYS/TEMP]"
ok "mail for it" mail ann@here.test
waits() { semail queue list | grep -q ann@here.test; }
ok "waits" wait_for 20 waits
is "others go on" "$(try bob@here.test secret-3)" "+OK 1"
ok "it can be deleted" semail admin delbal ann@here.test
is "its home stays" "$(messages "$ann")" 1
fails "it is not made again" "none of unix-accounts" \
    newbal ann@here.test secret-1 --account "$ann"
setting "$ann group:$group"
ok "a reload with it" semail reload
ok "then it is" newbal ann@here.test secret-1 --account "$ann"
setting "group:$group"
ok "without it again" semail reload
ok "mail for it" mail ann@here.test
ok "waits" wait_for 20 waits
setting "$ann group:$group"
ok "with it again" semail reload
delivered() { [ "$(messages "$ann")" -ge 2 ]; }
ok "it comes" wait_for 20 delivered
other_home() { grep -q "^ann@here.test:x:$ann_uid:$gid::$people/moved:" "$T/state/exports/passwd"; }
mv "$people/$ann" "$people/moved"
sed "s|:$people/$ann:|:$people/moved:|" "$T/passwd" >"$T/passwd.new"
cat "$T/passwd.new" >"$T/passwd" # the same file: it is mounted
ok "a home that has moved" semail reload
n=$(find "$people/moved/Maildir/new" "$people/moved/Maildir/cur" -type f | wc -l)
is "is the mailbox's" "$(try ann@here.test secret-1)" "+OK $n"
ok "passwd says so" wait_for 20 other_home
not() { ! "$@"; }
setting "t$$none"
ok "a bad account is refused at a reload" not semail reload
is "and nothing has changed" "$(try ann@here.test secret-1)" "+OK $n"
done_testing
