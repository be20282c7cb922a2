#!/bin/sh
# What strangers say before login: states, injection, nonsense, greed.
# also sanitized
. "${top_srcdir:-.}/t/lib.sh"
semail_conf "plaintext-login no" "pop3-session-limit 40"
semail_start
newdom pop.test
newbal ann@pop.test geheim >/dev/null
perl - "$top_srcdir" "$pop3_port" "$pop3s_port" <<'P'
use strict;
use warnings;
use Time::HiRes qw(time);
my ($top, $port, $sport) = @ARGV;
require "$top/t/pop3.pl";

my $c = POP3->connect($port);
is("greeting", $c->line, "+OK mail.test POP3 ready");
like("CAPA", $c->cmd("CAPA"), qr/^\+OK/);
my $capa = join ' ', $c->lines;
like("STLS is offered", $capa, qr/\bSTLS\b/);
ok($capa !~ /USER|SASL/, "no password in the clear is", $capa);
like("USER", $c->cmd("USER ann\@pop.test"), qr/^-ERR \[AUTH\]/);
like("AUTH", $c->cmd("AUTH PLAIN"), qr/^-ERR \[AUTH\]/);
like("STLS", $c->cmd("STLS"), qr/^\+OK/);
ok($c->tls, "TLS is agreed");
$c->cmd("CAPA");
$capa = join ' ', $c->lines;
ok($capa =~ /\bUSER\b/ && $capa =~ /SASL PLAIN LOGIN/ && $capa !~ /STLS/,
    "then passwords are, STLS is not", $capa);
like("login", $c->login("ann\@pop.test", "geheim"), qr/^\+OK/);
like("the worker answers", $c->cmd("STAT"), qr/^\+OK 0 0/);
like("QUIT", $c->cmd("QUIT"), qr/^\+OK/);
is("the end", $c->line, "EOF");

# CVE-2011-0411: a tail behind STLS, whole and in half a command.
for my $tail ("CAPA\r\n", "USER ann\@pop.test\r\nPASS geheim\r\n", "CAP") {
	$c = POP3->connect($port);
	$c->line;
	$c->send("STLS\r\n$tail");
	like("STLS with a tail", $c->line, qr/^\+OK/);
	if ($c->tls) {
		like("the tail is not run", $c->cmd("XYZZY"), qr/^-ERR unknown/);
	} else {
		ok(1, "the connection is ended");
	}
	$c->close;
}

# Pipelining: one reply a command, and what follows PASS is the worker's.
$c = POP3->connect($sport, tls => 1);
$c->line;
$c->send("CAPA\r\nUSER ann\@pop.test\r\nPASS geheim\r\nSTAT\r\nNOOP\r\nQUIT\r\n");
like("pipelined CAPA", $c->line, qr/^\+OK/);
$c->lines;
like("pipelined $_", $c->line, qr/^\+OK/) for qw(USER PASS STAT NOOP QUIT);
is("the end", $c->line, "EOF");

# Wrong name, wrong password: the same words, the same time. Each try comes from
# an address of its own, and a name and a wrong password are tried equally often,
# for guessing on gets slower. One undisturbed pair is enough: what a machine
# under load adds is not what tells names apart.
my (%text, @apart);
my $from = 2;
sub guess {
	my ($who) = @_;
	my $c = POP3->connect($sport, tls => 1, from => '127.0.0.' . $from++);
	$c->line;
	my $t = time;
	$text{$c->login($who, "wrong")}++;
	$c->close;
	return time - $t;
}
push @apart, abs(guess("ann\@pop.test") - guess("nobody\@pop.test")) for 1 .. 3;
push @apart, abs(guess("x" x 200) - guess("ann\@elsewhere.test"));
is("unknown and wrong sound the same", join('|', keys %text),
    "-ERR [AUTH] wrong name or password");
my ($least) = sort { $a <=> $b } @apart;
ok($least < 0.1, "and take the same time", "@apart");

# Nonsense is answered, line by line.
my @bad = ("\r\n", "XYZZY\r\n", "RETR 1\r\n", "US\0ER a\r\n", "USER a\n",
    "USER a\rb\r\n", "USER " . "x" x 300 . "\r\n", "STLS now\r\n", "\xff\xfe\r\n");
for my $b (@bad) {
	$c = POP3->connect($port);
	$c->line;
	$c->send($b);
	(my $shown = substr $b, 0, 12) =~ s/[^ -~]/./g;
	like("\"$shown\"", $c->line, qr/^-ERR/);
	like("and it goes on", $c->cmd("QUIT"), qr/^\+OK/);
}
$c = POP3->connect($port);
$c->line;
$c->send("GET / HTTP/1.1\r\n" . "Header: x\r\n" x 20);
my $errors = 0;
$errors++ while $c->line =~ /^-ERR/;
is("who goes on with it is sent away", $errors, 10);
$c = POP3->connect($port);
$c->line;
$c->send("x" x 100000) for 1 .. 20;
like("a line without end", $c->line, qr/^-ERR/);
is("is answered once", $c->line(1), "TIMEOUT");
$c->close;

# All places taken by clients that drip or are silent: a user still gets in.
my @idle = map { POP3->connect($_ % 2 ? $port : $sport) } 1 .. 60;
$_->send("U") for grep { defined } @idle;
my $t = time;
$c = POP3->connect($sport, tls => 1);
$c->line;
like("a user gets in beside 60 idlers", $c->login("ann\@pop.test", "geheim"), qr/^\+OK/);
ok(time - $t < 5, "in less than 5 s", time - $t);
$c->cmd("QUIT");
done();
P
tap_failed=$?
exit $tap_failed
