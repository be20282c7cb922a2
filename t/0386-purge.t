#!/bin/sh
# The scheduled purge: what is older than its domain's days goes, in every
# mailbox; a dry run only counts; one that was cut short is gone on with.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
old() { # ADDRESS N DAYS: N messages that came so long ago
	as_owner "$1" perl -e 'my ($n, $days) = @ARGV;
	    mkdir $_ for qw(Maildir Maildir/cur Maildir/new Maildir/tmp);
	    for (1 .. $n) {
	        my $s = time - $days * 86400 - $_;
	        my $name = "Maildir/cur/$s.M$_.host:2,S";
	        open my $f, ">", $name or die "$name: $!";
	        printf $f "Subject: x\n\n%0900d\n", 0;
	        close $f;
	        utime $s, $s, $name;
	    }' "$2" "$3"
}
newdom x.test
newdom y.test
for a in bob@x.test carl@x.test dan@x.test eve@y.test; do newbal "$a" p >/dev/null; done
semail admin moddom x.test --purge 30 >/dev/null
semail admin disablebal dan@x.test >/dev/null

old bob@x.test 3 40
old bob@x.test 2 20
old carl@x.test 1 31
old dan@x.test 4 400
old eve@y.test 2 400

is "a dry run" "$(semail purge --dry-run)" "x.test: 8 messages (8 Kbytes) in 3 mailboxes would go"
is "changes nothing" "$(maildir_count bob@x.test)" 5
is "as JSON" "$(semail purge --dry-run --json)" '[{"domain":"x.test","messages":8,"kbytes":8,"mailboxes":3,"troubles":0,"failed":false}]'
is "a domain whose mail stays" "$(semail purge y.test 2>&1)" "semail: y.test: mail of y.test is never purged: its days (MODDOM, PURGE) are 0"
is "one that is none" "$(semail purge --dry-run z.test 2>/dev/null; echo $?)" 1
semail purge y.test x.test --dry-run >"$T/out" 2>/dev/null
is "one of two" $? 1
like "the other is done" "$(cat "$T/out")" 'x.test: 8 messages .* would go'

is "the purge" "$(semail purge)" "x.test: 8 messages (8 Kbytes) in 3 mailboxes have gone"
is "what is younger stays" "$(maildir_count bob@x.test)" 2
is "what is older is gone" "$(maildir_count carl@x.test)" 0
is "in a disabled mailbox, too" "$(maildir_count dan@x.test)" 0
is "other domains are as they were" "$(maildir_count eve@y.test)" 2
is "again: nothing to say" "$(semail purge; echo $?)" 0
like "it is in the audit log" "$(semail audit --what PURGE)" 'x.test.*8 messages, '
is "once" "$(semail audit --json --what PURGE | grep -c '"what":"PURGE"')" 1

# ---- cut short ---------------------------------------------------------------------
old bob@x.test 300 40
old carl@x.test 300 40
for victim in spawnd admind; do
	pid=$(semail_pid $victim)
	kill -STOP "$pid"
	semail purge >"$T/out" 2>&1 &
	purge=$!
	remember $purge
	sleep 0.2 # it waits for who is stopped; any moment will do
	kill -9 "$pid"
	wait $purge
	again() { semail purge >"$T/out" 2>&1; }
	ok "$victim killed: the next one does the rest" wait_for 60 again
done
is "all of it" "$(maildir_count bob@x.test) $(maildir_count carl@x.test)" "2 0"
done_testing
