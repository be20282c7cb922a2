#!/bin/sh
# The installation key is made once, for root only, and never replaced.
. "${top_srcdir:-.}/t/lib.sh"

key=$T/state/admin.key
semail_conf
ok "a configuration is good before there is a key" semail check
ok "and checking makes none" test ! -e "$key"
mkdir -p "$T/state"
echo "cut short by a crash" >"$key.new"
semail_start
ok "the first start makes the key" test -f "$key"
is "32 bytes, for its owner only" "$(stat -c '%s %a %u' "$key")" "32 600 $(id -u)"
ok "what a crash left is gone" test ! -e "$key.new"
first=$(od -An -tx1 "$key" | tr -d ' \n')
ok "stop" semail stop
semail_start
is "the next start keeps it" "$(od -An -tx1 "$key" | tr -d ' \n')" "$first"
semail stop >/dev/null

refused() { # NAME: start says why, and the file stays as it is
	refused_was=$(cksum <"$key")
	refused_out=$(semail start 2>&1)
	is "$1: no start" "$?" 78
	like "$1: it says which file" "$refused_out" 'state/admin\.key: '
	is "$1: nothing is replaced" "$(cksum <"$key")" "$refused_was"
	ok "$1: semail check says so too" sh -c "! '$semail_bin' -f '$conf' check"
}
cp -p "$key" "$T/good"
chmod 640 "$key"
refused "readable for others"
chmod 600 "$key"
dd if="$T/good" of="$key" bs=31 count=1 2>/dev/null
refused "cut"
dd if=/dev/zero of="$key" bs=32 count=1 2>/dev/null
refused "zeroes"
rm "$key"
ln -s "$T/good" "$key"
refused "a link"
rm "$key"
cp -p "$T/good" "$key"
semail_start
pass "put back, it starts"
done_testing
