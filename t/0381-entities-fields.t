#!/bin/sh
# Each field of each request with what it should not hold: it is refused, or
# stored exactly as it was given, and never anything else.
. "${top_srcdir:-.}/t/lib.sh"
semail_conf
semail_start
ok "newdom, as soon as the database is there" newdom x.test
code() { sed -n 's/.*"code":\(-*[0-9]*\),.*/\1/p'; }
request() { printf '%s' "$1" | semail admin --json request 2>&1; }
for r in 'NEWBAL|||x.test|bob|pw' 'NEWALIAS|||x.test|al|bob' \
    'NEWVIRT|||x.test|vi||al' 'NEWCLIENT||||cl' 'NEWCOMPANY||||Co' \
    'NEWADMIN||||ad' 'NEWSERVER||||se' 'NEWUSER||||cl|name=u' \
    'NEWAPP|||x.test|bob|dev'; do
	is "$r" "$(request "$r" | code)" 0
done

# Prints a line for each thing that is wrong.
cat >"$T/fields.pl" <<'X'
use strict;
use warnings;
use IO::Handle;
use IPC::Open2;
use JSON::PP;

my $tried = 0;
open2(my $out, my $in, @ARGV);
binmode $in;
$in->autoflush(1);
$SIG{PIPE} = "IGNORE";
sub ask {
	print $in "$_[0]\n";
	my $text = <$out> // "";
	$tried++;
	my $answer = eval { JSON::PP->new->utf8->decode($text) };
	return $answer // { code => "no JSON: $text" };
}
sub escape {
	my $s = shift;
	my %e = ("|" => '\p', "\\" => '\\\\', "\r" => '\r', "\n" => '\n', "\0" => '\0');
	$s =~ s/([|\\\r\n\0])/$e{$1}/g;
	return $s;
}
my @bad = ("a|b", "a\nb: |/bin/sh", "a\rb", "a\0b", "..", "../../etc/passwd",
    "/etc/passwd", "a/b", "\xff\xfe", "\xc0\xaf", "x'; DROP TABLE Alias; -- ",
    "' OR '1'='1", "\$(touch /tmp/x)", "`id`", "|/bin/sh -c id", "-rf",
    "a\tb", "a\x7fb", " ", "a b", "%s%n", "caf\xc3\xa9", "0", "-1",
    "99999999999999999999", "\\", "a\\pb", "NEWDOM|||y.test|y.test");

# REQUEST with a place for the value, the longest it may be, and how to see
# what is stored: a SHOW and its column.
my @fields = map { chomp; [split /\s*~\s*/] } grep { !/^(#|$)/ } <STDIN>;
for (@fields) {
	my ($request, $max, $show, $column) = @$_;
	for my $value (@bad, "x" x $max, "x" x ($max + 1), "x" x 70000) {
		(my $r = $request) =~ s/\@V\@/escape($value)/e;
		my $a = ask($r);
		my $short = length $value > 60 ? length($value) . " bytes" : $value;
		if ($a->{code} !~ /^(0|-[1-8]|-11|-12)$/ || $a->{code} eq "-2") {
			print "$request, $short: $a->{code} ", $a->{comment} // "", "\n";
			next;
		}
		if ($a->{code} eq "0" && length $value > $max) {
			print "$request, $short: is taken\n";
		}
		if ($a->{code} ne "0" && ($a->{comment} // "") eq "") {
			print "$request, $short: refused, nobody knows why\n";
		}
		next if $a->{code} ne "0" || !defined $show;
		(my $look = $show) =~ s/\@V\@/escape($value)/e;
		my $is = ask($look)->{rows}[0]{$column};
		utf8::encode($is) if defined $is;
		if (!defined $is || $is ne $value) {
			print "$request, $short: stored as ", $is // "nothing", "\n";
		}
	}
}
print "tried only $tried\n" if $tried < 300;
X
wrong() {
	perl "$T/fields.pl" /usr/bin/python3 "$top_srcdir/t/requests.py" "$T/run" ||
	    echo "stopped"
}

before=$(request 'STAT|||' | grep -v virtual)
is "text is stored exactly" "$(wrong <<'X'
MODALIAS|||x.test|al|comment=@V@ ~ 255 ~ SHOWALIAS|||x.test|al ~ comment
MODVIRT|||x.test|vi||comment=@V@ ~ 255 ~ SHOWVIRT|||x.test|vi ~ comment
MODDOM|||x.test||comment=@V@ ~ 255 ~ SHOWDOM|||x.test ~ comment
MODCLIENT||||cl|name=@V@ ~ 128 ~ SHOWCLIENT||||cl ~ name
MODCLIENT||||cl|first-name=@V@ ~ 128 ~ SHOWCLIENT||||cl ~ first-name
MODCLIENT||||cl|comment=@V@ ~ 255 ~ SHOWCLIENT||||cl ~ comment
MODCOMPANY||||2|name=@V@ ~ 128 ~ SHOWCOMPANY||||2 ~ name
MODCOMPANY||||2|address=@V@ ~ 255 ~ SHOWCOMPANY||||2 ~ address
MODCOMPANY||||2|phone=@V@ ~ 32 ~ SHOWCOMPANY||||2 ~ phone
MODCOMPANY||||2|fax=@V@ ~ 32 ~ SHOWCOMPANY||||2 ~ fax
MODCOMPANY||||2|comment=@V@ ~ 255 ~ SHOWCOMPANY||||2 ~ comment
MODADMIN||||ad|name=@V@ ~ 128 ~ SHOWADMIN||||ad ~ name
MODADMIN||||ad|comment=@V@ ~ 255 ~ SHOWADMIN||||ad ~ comment
MODSERVER||||se|comment=@V@ ~ 255 ~ SHOWSERVER||||se ~ comment
MODUSER||||1|name=@V@ ~ 128 ~ SHOWUSER||||1 ~ name
MODUSER||||1|first-name=@V@ ~ 128 ~ SHOWUSER||||1 ~ first-name
MODUSER||||1|mobile=@V@ ~ 32 ~ SHOWUSER||||1 ~ mobile
MODUSER||||1|phone=@V@ ~ 32 ~ SHOWUSER||||1 ~ phone
MODUSER||||1|address=@V@ ~ 255 ~ SHOWUSER||||1 ~ address
MODUSER||||1|comment=@V@ ~ 255 ~ SHOWUSER||||1 ~ comment
SETBAL|||x.test|bob|comment=@V@ ~ 255 ~ SHOWBAL|||x.test|bob ~ comment
SETBAL|||x.test|bob|sms-filter=@V@ ~ 255 ~ SHOWBAL|||x.test|bob ~ sms-filter
SETBAL|||x.test|bob|sms-login=@V@ ~ 64 ~ SHOWBAL|||x.test|bob ~ sms-login
SETBAL|||x.test|bob|vacation=@V@ ~ 16000 ~ SHOWBAL|||x.test|bob ~ vacation
X
)" ""
is "what has a form has it" "$(wrong <<'X'
MODDOM|||x.test||logo=@V@ ~ 255 ~ SHOWDOM|||x.test ~ logo
MODDOM|||x.test||quota=@V@ ~ 10 ~ SHOWDOM|||x.test ~ quota
MODDOM|||x.test||max=@V@ ~ 10 ~ SHOWDOM|||x.test ~ max
MODDOM|||x.test||purge=@V@ ~ 10 ~ SHOWDOM|||x.test ~ purge
MODDOM|||x.test||reserved=@V@ ~ 3
MODDOM|||x.test||ldap=@V@ ~ 32 ~ SHOWDOM|||x.test ~ ldap
MODDOM|||x.test||client=@V@ ~ 128
MODDOM|||x.test||server=@V@ ~ 128
MODCLIENT||||cl|sms-account=@V@ ~ 64 ~ SHOWCLIENT||||cl ~ sms-account
MODCLIENT||||cl|sms-password=@V@ ~ 128
MODCLIENT||||cl|company=@V@ ~ 10
MODCLIENT||||cl|administrator=@V@ ~ 128
MODSERVER||||se|address=@V@ ~ 64 ~ SHOWSERVER||||se ~ address
MODSERVER||||se|server-type=@V@ ~ 8 ~ SHOWSERVER||||se ~ server-type
MODSERVER||||se|logins=@V@ ~ 16 ~ SHOWSERVER||||se ~ logins
MODSERVER||||se|ldap=@V@ ~ 32 ~ SHOWSERVER||||se ~ ldap
MODADMIN||||ad|all=@V@ ~ 3
MODALIAS|||x.test|al|list=@V@ ~ 60000
MODVIRT|||x.test|vi||real=@V@ ~ 128
MODVIRT|||x.test|vi||real-domain=@V@ ~ 255
SETBAL|||x.test|bob|quota=@V@ ~ 20
SETBAL|||x.test|bob|antivirus=@V@ ~ 16
SETBAL|||x.test|bob|forward=@V@ ~ 4000
SETBAL|||x.test|bob|sms-tel=@V@ ~ 32 ~ SHOWBAL|||x.test|bob ~ sms-tel
SETBAL|||x.test|bob|sms-email=@V@ ~ 320
SETBAL|||x.test|bob|sms-password=@V@ ~ 128
SETBAL|||x.test|bob|short=@V@ ~ 64
SETBAL|||x.test|bob|user=@V@ ~ 10
X
)" ""
is "keys: nothing is found, made or deleted" "$(wrong <<'X'
SHOWALIAS|||x.test|@V@ ~ 64
MODALIAS|||x.test|@V@|comment=c ~ 64
DELALIAS|||x.test|@V@ ~ 64
SHOWVIRT|||x.test|@V@ ~ 64
MODVIRT|||x.test|@V@||comment=c ~ 64
DELVIRT|||x.test|@V@ ~ 64
SHOWVIRT||||a|@V@ ~ 255
SHOWALIAS|||@V@|al ~ 255
SHOWDOM||||@V@ ~ 255
MODDOM||||@V@|comment=c ~ 255
DELDOM||||@V@ ~ 255
STATDOM||||@V@ ~ 255
SHOWCLIENT||||@V@ ~ 128
MODCLIENT||||@V@|comment=c ~ 128
DELCLIENT||||@V@ ~ 128
SHOWADMIN||||@V@ ~ 128
DELADMIN||||@V@ ~ 128
SHOWSERVER||||@V@ ~ 128
DELSERVER||||@V@ ~ 128
SHOWCOMPANY||||@V@ ~ 10
MODCOMPANY||||@V@|comment=c ~ 10
DELCOMPANY||||@V@ ~ 10
SHOWUSER||||@V@ ~ 10
DELUSER||||7@V@ ~ 9
SHOWBAL|||x.test|@V@ ~ 64
STATBAL|||x.test|@V@ ~ 64
DELBAL|||x.test|@V@ ~ 64
DELBAL|||@V@|bob ~ 255
PURGEBAL|||x.test|@V@ ~ 64
PURGE||||@V@ ~ 255
LISTAPP|||x.test|@V@ ~ 64
DELAPP|||x.test|bob|@V@ ~ 128
X
)" ""
is "lists: any filter, any page" "$(wrong <<'X'
LISTALIAS||||match=@V@ ~ 320
LISTALIAS||||after=@V@ ~ 700
LISTALIAS|||@V@ ~ 255
LISTVIRT||||match=@V@ ~ 320
LISTVIRT||||after=@V@ ~ 700
LISTDOM||||match=@V@ ~ 320
LISTDOM||||after=@V@ ~ 700
LISTDOM||||max=@V@ ~ 10
LISTCLIENT||||match=@V@ ~ 320
LISTCLIENT||||after=@V@ ~ 700
LISTCOMPANY||||match=@V@ ~ 320
LISTCOMPANY||||after=@V@ ~ 700
LISTADMIN||||match=@V@ ~ 320
LISTADMIN||||after=@V@ ~ 700
LISTSERVER||||match=@V@ ~ 320
LISTSERVER||||after=@V@ ~ 700
LISTUSER||||match=@V@ ~ 320
LISTUSER||||after=@V@ ~ 700
LISTBAL||||match=@V@ ~ 320
LISTBAL||||after=@V@ ~ 700
LISTBAL|||@V@ ~ 255
AUDIT||||object=@V@ ~ 330
AUDIT||||who=@V@ ~ 160
AUDIT||||what=@V@ ~ 16
AUDIT||||since=@V@ ~ 32
AUDIT||||until=@V@ ~ 32
AUDIT||||after=@V@ ~ 32
PURGE||||x.test|after=@V@ ~ 64
X
)" ""
is "and there is as much of everything as before" "$(request 'STAT|||' | grep -v virtual)" "$before"
is "names of new things" "$(wrong <<'X'
NEWALIAS|||x.test|@V@|bob ~ 64 ~ SHOWALIAS|||x.test|@V@ ~ alias
NEWALIAS|||x.test|tmp|@V@ ~ 60000
NEWVIRT|||x.test|@V@||bob ~ 64 ~ SHOWVIRT|||x.test|@V@ ~ virtual
NEWVIRT|||x.test|tmp1||@V@ ~ 128
NEWVIRT|||x.test|tmp2||@V@|else.test ~ 128
NEWVIRT|||x.test|tmp3||bob|@V@ ~ 255
NEWDOM||||@V@ ~ 255
NEWDOM|||y.test||client=@V@ ~ 128
NEWCLIENT||||@V@ ~ 128 ~ SHOWCLIENT||||@V@ ~ client
NEWADMIN||||@V@ ~ 128 ~ SHOWADMIN||||@V@ ~ administrator
NEWSERVER||||@V@ ~ 128 ~ SHOWSERVER||||@V@ ~ server
X
)" ""
all() { request "LIST$1|||" | sed -n "s/^{\"$2\":\"\([^\"]*\)\".*/\1/p" | sort | uniq; }
x64=$(printf %064d 0 | tr 0 x)
is "aliases: those that may be" "$(all ALIAS alias | tr '\n' ' ')" "0 99999999999999999999 al tmp $x64 "
like "virtual users" "$(all VIRT virtual | tr '\n' ' ')" "^(0 )?(tmp[123] )*vi "
is "domains" "$(all DOM name)" x.test
is "clients" "$(all CLIENT client | tr '\n' ' ')" "0 99999999999999999999 cl local $x64$x64 "
is "aliases: lines that may be" "$(grep -v '^#' "$T/state/exports/aliases" | grep -Ev '^[a-z0-9]+: [a-z0-9@.%$-]+$')" ""
is "virtual: lines that may be" "$(grep -v '^#' "$T/state/exports/virtual" | grep -Ev '^[a-z0-9]*@x.test  [^- |/:"][^ :"]*$')" ""
is "nothing that was given has been carried out" "$(ls /tmp/x 2>/dev/null)" ""
like "the log's lines are its own" "$(grep -vc '^20[0-9-]*[T ]' "$T/semail.log")" '^[0-9]+$'
is "no line of the log is a request's" "$(grep -c '^b: |/bin/sh' "$T/semail.log")" 0
done_testing
