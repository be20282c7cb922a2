# slapd.sh - sourced after lib.sh by tests of passwords that LDAP checks: slapds of
# their own, and what sets and tries a source.
PATH=$PATH:/usr/sbin
for p in slapd ldapwhoami; do
	command -v $p >/dev/null || { echo "1..0 # SKIP $p is missing"; exit 0; }
done
AUTH='-ERR [AUTH]'
TEMP='-ERR [SYS/TEMP]'

# slapd_init NAME: a directory dc=test in $T/NAME; its people come as LDIF on
# standard input.  TLS with the certificate of semail_cert.
slapd_init() {
	mkdir -p "$T/$1/db"
	cat >"$T/$1/slapd.conf" <<X
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $T/$1/pid
TLSCertificateFile $T/tls/cert.pem
TLSCertificateKeyFile $T/tls/key.pem
database mdb
maxsize 16777216
directory $T/$1/db
suffix "dc=test"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="uid=finder,dc=test" read by anonymous auth by * none
X
	{
		cat <<X
dn: dc=test
objectClass: dcObject
objectClass: organization
dc: test
o: test

dn: ou=people,dc=test
objectClass: organizationalUnit
ou: people

dn: uid=finder,dc=test
objectClass: account
objectClass: simpleSecurityObject
uid: finder
userPassword: finderpw
X
		cat
	} >"$T/$1/tree.ldif"
	slapadd -q -f "$T/$1/slapd.conf" -l "$T/$1/tree.ldif"
}
person() { # RDN UID MAIL PASSWORD
	cat <<X

dn: $1,ou=people,dc=test
objectClass: inetOrgPerson
uid: $2
cn: $2
sn: x
mail: $3
userPassword:: $(printf '%s' "$4" | base64 -w0)
X
}
# slapd_start NAME URL...: its process id to slapd_pid.  Not by ok: a subshell
# would keep that.
slapd_start() {
	slapd_name=$1
	shift
	slapd -d 0 -f "$T/$slapd_name/slapd.conf" -h "$*" \
	    >"$T/$slapd_name/log" 2>&1 &
	slapd_pid=$!
	remember $slapd_pid
	for u in "$@"; do
		wait_for 20 env LDAPTLS_REQCERT=never ldapwhoami -x -H "$u" \
		    -D uid=finder,dc=test -w finderpw || return 1
	done
}
slapd_stop() { # PID
	kill "$1"
	wait "$1" 2>/dev/null
	true
}

kick=0
changed() { # SQL TABLE ID: and authd has it
	sql "START TRANSACTION; $1; SET @id = $3;
	    UPDATE Compteur SET Co_Valeur = Co_Valeur + 1 WHERE Co_Nom = 'journal';
	    INSERT INTO Journal (Jo_Numero, Jo_Table, Jo_Id) SELECT Co_Valeur, $2, @id
	        FROM Compteur WHERE Co_Nom = 'journal'; COMMIT" || return 1
	kick=$((kick + 1))
	newdom "kick$kick.test" >/dev/null
}
source_of() { # DOMAIN SOURCE
	changed "UPDATE Domaine SET Do_Ldap = '$2' WHERE Do_NomDomaine = '$1'" 1 \
	    "(SELECT Do_IdDomaine FROM Domaine WHERE Do_NomDomaine = '$1')"
}
# The answer to PASS: "+OK", "-ERR [AUTH]" or "-ERR [SYS/TEMP]".
try() { # ADDRESS PASSWORD
	perl -MIO::Socket::INET -e 'my ($port, $u, $p) = @ARGV;
	    my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 30) or die;
	    $c->autoflush(1); <$c>; print $c "USER $u\r\n"; <$c>; print $c "PASS $p\r\n";
	    my $l = <$c> // ""; print $c "QUIT\r\n"; <$c>;
	    $l =~ /^(\+OK|-ERR \[[A-Z\/]+\])/; print $1 // $l' "$pop3_port" "$1" "$2"
}
