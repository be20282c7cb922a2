#!/bin/sh
# People whom mailboxes belong to: whose they are, who sees them, when they may
# go; and what is read in the audit log.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start

code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
request() { printf '%s' "$1" | semail admin --json request 2>&1; }
said() { request "$1" | code; }
rows() { # COLUMN REQUEST: that column of all rows
	rows_column=$1
	request "$2" | perl -MJSON::PP -e 'local $/; $a = decode_json(<STDIN>);
	    print join(" ", map($_->{$ARGV[0]}, @{$a->{rows} // []})), "\n"' "$rows_column"
}
number() { request "$1" | perl -MJSON::PP -e 'local $/; $a = decode_json(<STDIN>);
	    print $a->{values}[-1] // $a->{comment}'; }

newdom x.test
for k in 1 2; do
	is "an administrator" "$(said "NEWADMIN||||a$k|password=pa$k")" 0
	is "his client" "$(said "NEWCLIENT|a$k|pa$k||c$k|password=pc$k")" 0
done
said "MODDOM||||x.test|client=c1" >/dev/null
said "NEWBAL|||x.test|bob|pb" >/dev/null

ann=$(number 'NEWUSER|c1|pc1|||name=Doe|first-name=Ann|mobile=+33 6 12')
like "NEWUSER answers a number" "$ann" '^[0-9]+$'
is "the same again is the same" "$(number 'NEWUSER|c1|pc1|||name=Doe|first-name=Ann|mobile=+33 6 12')" "$ann"
ben=$(number 'NEWUSER|c1|pc1|||name=Doe|first-name=Ben')
ok "another is another" [ "$ben" != "$ann" ]
is "by an administrator: whose?" "$(said 'NEWUSER|a1|pa1|||name=X')" -7
eve=$(number 'NEWUSER|a2|pa2||c2|name=Eve')
like "for his client" "$eve" '^[0-9]+$'
is "not another's" "$(said 'NEWUSER|a1|pa1||c2|name=X')" -11
is "nor a client for another" "$(said 'NEWUSER|c1|pc1||c2|name=X')" -11
is "without a name" "$(said 'NEWUSER|c1|pc1|||comment=x')" -7
is "SHOWUSER" "$(rows client "SHOWUSER|c1|pc1||$ann")" c1
is "its mobile" "$(rows mobile "SHOWUSER|c1|pc1||$ann")" "+33 6 12"
is "another's" "$(said "SHOWUSER|c2|pc2||$ann")" -11
is "LISTUSER" "$(rows first-name 'LISTUSER|c1|pc1|')" "Ann Ben"
is "some" "$(rows user 'LISTUSER|c1|pc1||match=Ben')" "$ben"
is "an administrator's" "$(rows user 'LISTUSER|a2|pa2|')" "$eve"
is "all" "$(rows user 'LISTUSER|||')" "$ann $ben $eve"
is "MODUSER" "$(said "MODUSER|c1|pc1||$ann|phone=01|first-name=Anna")" 0
is "is shown" "$(rows phone "SHOWUSER|c1|pc1||$ann")" "01"
is "what was not given stays" "$(rows mobile "SHOWUSER|c1|pc1||$ann")" "+33 6 12"
is "MODUSER of another's" "$(said "MODUSER|c2|pc2||$ann|phone=02")" -11

is "a mailbox of hers" "$(said "SETBAL|c1|pc1|x.test|bob|user=$ann")" 0
is "is shown so" "$(rows user 'SHOWBAL|c1|pc1|x.test|bob')" "$ann"
is "not of another client's user" "$(said "SETBAL|c1|pc1|x.test|bob|user=$eve")" -11
is "she stays while she has it" "$(said "DELUSER|c1|pc1||$ann")" -12
is "it is nobody's" "$(said "SETBAL|c1|pc1|x.test|bob|user=0")" 0
is "DELUSER of another's" "$(said "DELUSER|c2|pc2||$ann")" -11
is "she goes" "$(said "DELUSER|c1|pc1||$ann")" 0
is "again" "$(said "DELUSER|c1|pc1||$ann")" 0
is "who never was" "$(said "DELUSER|c1|pc1||99999")" -11
is "a client with users stays" "$(said "DELCLIENT|a2|pa2||c2")" -12

# ---- the audit log -----------------------------------------------------------------
is "AUDIT of one thing, in order" "$(rows what 'AUDIT||||object=bob@x.test')" "NEWBAL SETBAL SETBAL"
is "who" "$(rows who 'AUDIT||||object=bob@x.test|what=SETBAL|max=1')" c1
is "all of a login" "$(rows what 'AUDIT||||who=a2')" "NEWCLIENT NEWUSER"
like "when" "$(rows date 'AUDIT||||who=a2|max=1')" "^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8}$"
is "since tomorrow" "$(rows what "AUDIT||||since=2099-01-01")" ""
is "until today" "$(rows what "AUDIT||||until=2020-01-01T10:00:00")" ""
is "since" "$(rows what "AUDIT||||since=2020-01-01T10:00:00|who=a2")" "NEWCLIENT NEWUSER"
is "a time that is none" "$(said 'AUDIT||||since=yesterday')" -7
is "a hook that failed" "$(rows what "AUDIT||||hook=failed")" ""
is "for those who may do everything" "$(said 'AUDIT|a1|pa1|')" -3
id=$(rows id 'AUDIT||||object=bob@x.test|max=1')
is "from there on" "$(rows what "AUDIT||||object=bob@x.test|after=$id")" "SETBAL SETBAL"
like "semail audit" "$(semail audit --object bob@x.test)" 'SETBAL'
is "semail audit --json" "$(semail audit --json --object bob@x.test | grep -o '"what":"[A-Z]*"' | wc -l)" 3
is "no password in it" "$(semail audit --json | grep -c 'pc1')" 0
done_testing
