#include "config.h"
#include "admind/message.h"

#include "admind/code.h"
#include "libcommon/msg_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BY_OWNERS (BY_ALL | BY_ADMIN | BY_CLIENT)
#define ADMINS (BY_ALL | BY_ADMIN)

#define P FIELD_PLACE
#define NEEDED (FIELD_PLACE | FIELD_NEEDED)

/* clang-format off */
#define MAILBOX { "MAILBOX LOGIN", "mailbox", NEEDED, 64, "the part before @" }

/* What NEWBAL and MODBAL have by position, and SETBAL by name. */
#define BAL(place) \
	{ "COMMENT", "comment", place, 255, "the person's name, for the passwd file" }, \
	{ "QUOTA", "quota", (place) | FIELD_NUMBER, 20, "Kbytes, 0 none" }, \
	{ "ANTI-VIRUS", "antivirus", place, 16, "not empty: every mail is checked" }, \
	{ "FORWARD", "forward", place, 4000, "addresses, with commas between them" }, \
	{ "TEL SMS", "sms-tel", place, 32, "number that is told of arriving mail" }, \
	{ "SMS FILTER", "sms-filter", place, 255, "only mail with this in its subject" }, \
	{ "SMS EMAIL", "sms-email", place, 320, "the SMS server's address" }, \
	{ "SMS LOGIN", "sms-login", place, 64, "account there" }, \
	{ "SMS PASSWORD", "sms-password", (place) | FIELD_SECRET, 128, "its password" }, \
	{ "MSG VACATION", "vacation", (place) | FIELD_LINES, 16000, "answer while away; empty: none" }, \
	{ "SHORT LOGIN", "short", place, 64, "login without the domain" }

#define ACCOUNT { "ACCOUNT", "account", 0, 255, "Unix account that it will be" }

#define PAGE(filter_help) \
	{ "MATCH", "match", 0, 320, filter_help }, \
	{ "AFTER", "after", 0, 700, "NEXT of the answer before" }, \
	{ "MAX", "max", FIELD_NUMBER, 10, "rows in the answer, at most 500" }

#define COMPANY \
	{ "ADDRESS", "address", 0, 255, NULL }, \
	{ "PHONE", "phone", 0, 32, NULL }, \
	{ "FAX", "fax", 0, 32, NULL }, \
	{ "COMMENT", "comment", 0, 255, NULL }

#define CLIENT \
	{ "PASSWORD", "password", FIELD_SECRET, 256, "empty: no login" }, \
	{ "NAME", "name", 0, 128, NULL }, \
	{ "FIRST NAME", "first-name", 0, 128, NULL }, \
	{ "COMPANY", "company", FIELD_NUMBER, 10, "its number" }, \
	{ "ADMINISTRATOR", "administrator", 0, 128, "login of who manages it" }, \
	{ "SMS ACCOUNT", "sms-account", 0, 64, NULL }, \
	{ "SMS PASSWORD", "sms-password", FIELD_SECRET, 128, NULL }, \
	{ "COMMENT", "comment", 0, 255, NULL }

#define USER \
	{ "NAME", "name", 0, 128, NULL }, \
	{ "FIRST NAME", "first-name", 0, 128, NULL }, \
	{ "MOBILE", "mobile", 0, 32, NULL }, \
	{ "PHONE", "phone", 0, 32, NULL }, \
	{ "ADDRESS", "address", 0, 255, NULL }, \
	{ "COMMENT", "comment", 0, 255, NULL }

#define SERVER \
	{ "ADDRESS", "address", 0, 64, NULL }, \
	{ "TYPE", "server-type", 0, 8, "POP or IMAP" }, \
	{ "LOGINS", "logins", 0, 16, "AVECDOMAINE or SANSDOMAINE" }, \
	{ "LDAP", "ldap", 0, 32, "LDAP source of its passwords" }, \
	{ "COMMENT", "comment", 0, 255, NULL }

#define VIRTUAL \
	{ "VIRTUAL USER", "virtual", P, 64, "empty: all mail to the domain" }, \
	{ "DOMAIN", "virtual-domain", P, 255, "empty: DOMAIN of the header" }

const struct message messages[] = {
	/* ---- the panel's ten ---- */
	{ "NEWBAL", BY_OWNERS, FORM_MAILBOX, "create a mailbox", {
	    MAILBOX,
	    { "MAILBOX PASSWORD", "password", NEEDED | FIELD_SECRET, 256, NULL },
	    BAL(P), ACCOUNT } },
	{ "MODBAL", BY_OWNERS, FORM_MAILBOX, "change a mailbox: all of it", {
	    MAILBOX,
	    { "MAILBOX PASSWORD", "password", P | FIELD_SECRET, 256, "empty: unchanged" },
	    BAL(P) } },
	{ "DELBAL", BY_OWNERS, FORM_MAILBOX, "delete a mailbox", { MAILBOX } },
	{ "PURGEBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "delete the mail in a mailbox", { MAILBOX } },
	{ "NEWALIAS", BY_OWNERS, FORM_PLAIN, "create an alias", {
	    { "ALIAS NAME", "alias", NEEDED, 64, NULL },
	    { "MAIL LIST", "list", NEEDED, 60000, "addresses and names, with commas between them" } } },
	{ "DELALIAS", BY_OWNERS, FORM_PLAIN, "remove an alias", {
	    { "ALIAS NAME", "alias", NEEDED, 64, NULL } } },
	{ "NEWVIRT", BY_OWNERS, FORM_PLAIN, "create a virtual user, or a catch-all", {
	    VIRTUAL,
	    { "REAL USER", "real", NEEDED, 128, NULL },
	    { "REAL DOMAIN", "real-domain", P, 255, "empty: an alias or a mailbox here" } } },
	{ "DELVIRT", BY_OWNERS, FORM_PLAIN, "remove a virtual user", { VIRTUAL } },
	{ "NEWDOM", BY_OWNERS, FORM_DOMAIN, "create a domain", {
	    { "DOMAIN NAME", "name", P, 255, NULL },
	    { "CLIENT", "client", 0, 128, "login of whose it will be" } } },
	{ "DELDOM", BY_OWNERS, FORM_DOMAIN, "delete a domain", {
	    { "DOMAIN NAME", "name", P, 255, NULL },
	    { "FORCE", "force", FIELD_YESNO, 3, "with its mailboxes, aliases and virtual users" } } },
	/* ---- mailboxes ---- */
	{ "SETBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "change some things of a mailbox", {
	    MAILBOX, BAL(0),
	    { "USER", "user", FIELD_NUMBER, 10, "whose it is; 0: nobody's" } } },
	{ "PASSWD", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "change a mailbox's password", {
	    MAILBOX,
	    { "MAILBOX PASSWORD", "password", NEEDED | FIELD_SECRET, 256, NULL } } },
	{ "ENABLEBAL", BY_OWNERS, FORM_MAILBOX, "let a mailbox be used again", { MAILBOX } },
	{ "DISABLEBAL", BY_OWNERS, FORM_MAILBOX, "nobody logs in, mail waits", { MAILBOX } },
	{ "SHOWBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "show a mailbox", { MAILBOX } },
	{ "LISTBAL", BY_OWNERS, FORM_PLAIN, "list mailboxes, of DOMAIN or all", {
	    PAGE("part of the address"),
	    { "HASHES", "hashes", FIELD_YESNO, 3, "with the passwords' hashes, for root only" } } },
	{ "STATBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "how full a mailbox is", { MAILBOX } },
	{ "BACKUPBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "a piece of its mail as a tar archive: see backup", {
	    MAILBOX,
	    { "AFTER", "after", 0, 64, "NEXT of the answer before" } } },
	{ "RESTOREBAL", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "put a piece of an archive back: see restore", {
	    MAILBOX,
	    { "AFTER", "after", 0, 64, "NEXT of the answer before" },
	    { "DATA", "data", FIELD_BYTES, COPY_PIECE, "the next bytes of a tar archive" },
	    { "END", "end", FIELD_YESNO, 3, "nothing follows them" } } },
	{ "IMPORTBAL", BY_OWNERS, FORM_MAILBOX, "create a mailbox that was elsewhere", {
	    MAILBOX,
	    { "PASSWORD", "password", FIELD_SECRET, 256, NULL },
	    { "HASH", "hash", FIELD_SECRET, 512, "password as the other system kept it" },
	    BAL(0), ACCOUNT,
	    { "DRY RUN", "dry-run", FIELD_YESNO, 3, "say what would be, change nothing" } } },
	/* ---- app passwords ---- */
	{ "NEWAPP", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "make a password for one device", {
	    MAILBOX,
	    { "DEVICE", "device", NEEDED, 128, "its name" },
	    { "SERVICES", "services", 0, 64, "smtp,pop3,imap; empty: all" } } },
	{ "DELAPP", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "revoke it", {
	    MAILBOX, { "DEVICE", "device", NEEDED, 128, NULL } } },
	{ "LISTAPP", BY_OWNERS | BY_MAILBOX, FORM_MAILBOX, "list them", { MAILBOX } },
	/* ---- people who use mailboxes ---- */
	{ "NEWUSER", BY_OWNERS, FORM_PLAIN, "create a user; answers the number", {
	    { "CLIENT", "client", P, 128, "login of whose it is; empty: the sender's" }, USER } },
	{ "MODUSER", BY_OWNERS, FORM_PLAIN, "change a user", {
	    { "USER", "user", NEEDED | FIELD_NUMBER, 10, NULL }, USER } },
	{ "DELUSER", BY_OWNERS, FORM_PLAIN, "delete a user who has no mailbox", {
	    { "USER", "user", NEEDED | FIELD_NUMBER, 10, NULL } } },
	{ "SHOWUSER", BY_OWNERS, FORM_PLAIN, "show a user", {
	    { "USER", "user", NEEDED | FIELD_NUMBER, 10, NULL } } },
	{ "LISTUSER", BY_OWNERS, FORM_PLAIN, "list users", { PAGE("part of a name") } },
	/* ---- domains ---- */
	{ "MODDOM", BY_OWNERS, FORM_DOMAIN, "change a domain", {
	    { "DOMAIN NAME", "name", P, 255, NULL },
	    { "CLIENT", "client", 0, 128, "login of its owner" },
	    { "SERVER", "server", 0, 128, "name of the server it lives on" },
	    { "QUOTA", "quota", FIELD_NUMBER, 10, "Kbytes of all its mailboxes, 0 none" },
	    { "MAX", "max", FIELD_NUMBER, 10, "most mailboxes, 0 none" },
	    { "PURGE", "purge", FIELD_NUMBER, 10, "days after which mail is purged, 0 never" },
	    { "LOGO", "logo", 0, 255, "file of its logo" },
	    { "RESERVED", "reserved", FIELD_YESNO, 3, "its client may take names like postmaster" },
	    { "LDAP", "ldap", 0, 32, "LDAP source of its passwords" },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "SHOWDOM", BY_OWNERS, FORM_DOMAIN, "show a domain", {
	    { "DOMAIN NAME", "name", P, 255, NULL } } },
	{ "LISTDOM", BY_OWNERS, FORM_PLAIN, "list domains", { PAGE("part of the name") } },
	{ "STATDOM", BY_OWNERS, FORM_DOMAIN, "what a domain uses", {
	    { "DOMAIN NAME", "name", P, 255, NULL } } },
	{ "DNSDOM", BY_OWNERS, FORM_DOMAIN, "the DNS records a domain needs", {
	    { "DOMAIN NAME", "name", P, 255, NULL } } },
	/* ---- aliases and virtual users ---- */
	{ "MODALIAS", BY_OWNERS, FORM_PLAIN, "change an alias", {
	    { "ALIAS NAME", "alias", NEEDED, 64, NULL },
	    { "MAIL LIST", "list", 0, 60000, NULL },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "SHOWALIAS", BY_OWNERS, FORM_PLAIN, "show an alias", {
	    { "ALIAS NAME", "alias", NEEDED, 64, NULL } } },
	{ "LISTALIAS", BY_OWNERS, FORM_PLAIN, "list aliases, of DOMAIN or all", { PAGE("part of the name") } },
	{ "MODVIRT", BY_OWNERS, FORM_PLAIN, "change a virtual user", {
	    VIRTUAL,
	    { "REAL USER", "real", 0, 128, NULL },
	    { "REAL DOMAIN", "real-domain", 0, 255, NULL },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "SHOWVIRT", BY_OWNERS, FORM_PLAIN, "show a virtual user", { VIRTUAL } },
	{ "LISTVIRT", BY_OWNERS, FORM_PLAIN, "list virtual users, of DOMAIN or all", { PAGE("part of the address") } },
	/* ---- clients, companies, administrators, servers, panels ---- */
	{ "NEWCLIENT", ADMINS, FORM_PLAIN, "create a client", {
	    { "LOGIN", "client", NEEDED, 128, NULL }, CLIENT } },
	{ "MODCLIENT", ADMINS, FORM_PLAIN, "change a client", {
	    { "LOGIN", "client", NEEDED, 128, NULL }, CLIENT } },
	{ "DELCLIENT", ADMINS, FORM_PLAIN, "delete a client that has nothing", {
	    { "LOGIN", "client", NEEDED, 128, NULL } } },
	{ "SHOWCLIENT", BY_OWNERS, FORM_PLAIN, "show a client", {
	    { "LOGIN", "client", NEEDED, 128, NULL } } },
	{ "LISTCLIENT", ADMINS, FORM_PLAIN, "list clients", { PAGE("part of login or name") } },
	{ "PASSCLIENT", BY_OWNERS, FORM_PLAIN, "change a client's password", {
	    { "LOGIN", "client", NEEDED, 128, NULL },
	    { "PASSWORD", "password", NEEDED | FIELD_SECRET, 256, NULL } } },
	{ "NEWCOMPANY", ADMINS, FORM_PLAIN, "create a company; answers the number", {
	    { "NAME", "name", NEEDED, 128, NULL }, COMPANY } },
	{ "MODCOMPANY", ADMINS, FORM_PLAIN, "change a company", {
	    { "COMPANY", "company", NEEDED | FIELD_NUMBER, 10, NULL },
	    { "NAME", "name", 0, 128, NULL }, COMPANY } },
	{ "DELCOMPANY", ADMINS, FORM_PLAIN, "delete a company that has no client", {
	    { "COMPANY", "company", NEEDED | FIELD_NUMBER, 10, NULL } } },
	{ "SHOWCOMPANY", ADMINS, FORM_PLAIN, "show a company", {
	    { "COMPANY", "company", NEEDED | FIELD_NUMBER, 10, NULL } } },
	{ "LISTCOMPANY", ADMINS, FORM_PLAIN, "list companies", { PAGE("part of the name") } },
	{ "NEWADMIN", BY_ALL, FORM_PLAIN, "create an administrator", {
	    { "LOGIN", "administrator", NEEDED, 128, NULL },
	    { "PASSWORD", "password", FIELD_SECRET, 256, "empty: no login" },
	    { "NAME", "name", 0, 128, NULL },
	    { "ALL", "all", FIELD_YESNO, 3, "may do everything" },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "MODADMIN", BY_ALL, FORM_PLAIN, "change an administrator", {
	    { "LOGIN", "administrator", NEEDED, 128, NULL },
	    { "PASSWORD", "password", FIELD_SECRET, 256, "empty: no login" },
	    { "NAME", "name", 0, 128, NULL },
	    { "ALL", "all", FIELD_YESNO, 3, "may do everything" },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "DELADMIN", BY_ALL, FORM_PLAIN, "delete an administrator who has no client", {
	    { "LOGIN", "administrator", NEEDED, 128, NULL } } },
	{ "SHOWADMIN", ADMINS, FORM_PLAIN, "show an administrator", {
	    { "LOGIN", "administrator", NEEDED, 128, NULL } } },
	{ "LISTADMIN", BY_ALL, FORM_PLAIN, "list administrators", { PAGE("part of the login") } },
	{ "PASSADMIN", ADMINS, FORM_PLAIN, "change an administrator's password", {
	    { "LOGIN", "administrator", NEEDED, 128, NULL },
	    { "PASSWORD", "password", NEEDED | FIELD_SECRET, 256, NULL } } },
	{ "NEWSERVER", BY_ALL, FORM_PLAIN, "make a mail server known", {
	    { "SERVER", "server", NEEDED, 128, NULL }, SERVER } },
	{ "MODSERVER", BY_ALL, FORM_PLAIN, "change a mail server", {
	    { "SERVER", "server", NEEDED, 128, NULL }, SERVER } },
	{ "DELSERVER", BY_ALL, FORM_PLAIN, "delete a mail server that has no domain", {
	    { "SERVER", "server", NEEDED, 128, NULL } } },
	{ "SHOWSERVER", ADMINS, FORM_PLAIN, "show a mail server", {
	    { "SERVER", "server", NEEDED, 128, NULL } } },
	{ "LISTSERVER", ADMINS, FORM_PLAIN, "list mail servers", { PAGE("part of the name") } },
	{ "NEWPANEL", BY_ALL, FORM_PLAIN, "make a key for a panel; answers it", {
	    { "PANEL", "panel", NEEDED, 64, NULL },
	    { "COMMENT", "comment", 0, 255, NULL } } },
	{ "DELPANEL", BY_ALL, FORM_PLAIN, "a panel's key is good no more", {
	    { "PANEL", "panel", NEEDED, 64, NULL } } },
	{ "LISTPANEL", BY_ALL, FORM_PLAIN, "list panels", { PAGE("part of the name") } },
	/* ---- the whole ---- */
	{ "STAT", BY_OWNERS, FORM_PLAIN, "how many of everything", { { NULL } } },
	{ "SYNC", BY_OWNERS, FORM_PLAIN, "wait until all daemons and files know all", { { NULL } } },
	{ "PURGE", BY_ALL, FORM_DOMAIN, "purge a domain's old mail, as its days say", {
	    { "DOMAIN NAME", "name", P, 255, NULL },
	    { "DRY RUN", "dry-run", FIELD_YESNO, 3, "count only" },
	    { "AFTER", "after", 0, 64, "NEXT of the answer before" } } },
	{ "AUDIT", BY_ALL, FORM_PLAIN, "list what was changed", {
	    { "OBJECT", "object", 0, 330, NULL },
	    { "WHO", "who", 0, 160, NULL },
	    { "WHAT", "what", 0, 16, "a TYPE" },
	    { "SINCE", "since", 0, 32, "YYYY-MM-DD[THH:MM:SS], UTC" },
	    { "UNTIL", "until", 0, 32, NULL },
	    { "HOOK", "hook", 0, 8, "failed: only with a hook that failed" },
	    { "AFTER", "after", 0, 32, "NEXT of the answer before" },
	    { "MAX", "max", FIELD_NUMBER, 10, NULL } } },
};
/* clang-format on */

const unsigned nmessages = nitems(messages);

const struct message *
message_find(struct span type)
{
	for (unsigned i = 0; i < nmessages; i++)
		if (span_is(type, messages[i].type))
			return &messages[i];
	return NULL;
}

unsigned
message_nfields(const struct message *m)
{
	unsigned n = 0;

	while (n < MESSAGE_FIELDS && m->fields[n].name != NULL)
		n++;
	return n;
}

bool
message_is_utf8(struct span s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		c = s.data[i];
		n = c < 0x80       ? 1
		    : c >> 5 == 6  ? 2
		    : c >> 4 == 14 ? 3
		    : c >> 3 == 30 ? 4
		                   : 0;
		if (n == 0 || n > s.len - i)
			return false;
		if (n == 1)
			continue;
		c &= 0x7fu >> n;
		for (size_t k = 1; k < n; k++) {
			if (s.data[i + k] >> 6 != 2)
				return false;
			c = c << 6 | (s.data[i + k] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff ||
		    (c >= 0xd800 && c <= 0xdfff))
			return false;
	}
	return true;
}

/* ---- a request's fields ---------------------------------------------------------- */

const char *
message_wrong(const struct message_field *f, struct span v)
{
	uint64_t n;

	if (v.len == 0)
		return f->flags & FIELD_NEEDED ? "must not be empty" : NULL;
	if (v.len > f->max)
		return "is too long";
	/* A password may be any bytes: it is hashed, never shown. */
	if (f->flags & FIELD_SECRET)
		return memchr(v.data, '\0', v.len) != NULL ? "holds a NUL"
		                                           : NULL;
	if (f->flags & FIELD_BYTES)
		return NULL;
	if (!message_is_utf8(v))
		return "is not UTF-8";
	for (size_t i = 0; i < v.len; i++) {
		if (v.data[i] == '\n' ||
		    (v.data[i] == '\r' && i + 1 < v.len &&
		        v.data[i + 1] == '\n')) {
			if (!(f->flags & FIELD_LINES))
				return "may hold no line end";
		} else if (v.data[i] < ' ' && v.data[i] != '\t') {
			return "holds a control character";
		} else if (v.data[i] == 0x7f) {
			return "holds a control character";
		}
	}
	if ((f->flags & FIELD_NUMBER) && span_u64(v, INT64_MAX, &n) == -1)
		return "is no number";
	if ((f->flags & FIELD_YESNO) && !span_is(v, "yes") && !span_is(v, "no"))
		return "is neither yes nor no";
	return NULL;
}

/* The field of "NAME=VALUE", or -1. */
static int
find_named(const struct message *m, struct span in, struct span *value_out)
{
	ptrdiff_t eq = span_chr(in, '=');

	if (eq < 1)
		return -1;
	for (unsigned i = 0; i < message_nfields(m); i++) {
		if (!(m->fields[i].flags & FIELD_PLACE) &&
		    span_is(span_sub(in, 0, (size_t)eq), m->fields[i].option)) {
			*value_out = span_sub(in, (size_t)eq + 1, in.len);
			return (int)i;
		}
	}
	return -1;
}

int
message_take(const struct message *m, const struct fields *in,
    struct message_args *out, char *comment, size_t comment_size)
{
	unsigned n = message_nfields(m), place = 0, first;
	const char *wrong;

	memset(out, 0, sizeof(*out));
	out->message = m;
	while (place < n && (m->fields[place].flags & FIELD_PLACE))
		place++;
	first = MESSAGE_HEADER + place;
	for (unsigned i = 0; i < place; i++) {
		out->value[i] = fields_get(in, MESSAGE_HEADER + i);
		out->given[i] = true;
	}
	for (unsigned i = first; i < in->n; i++) {
		struct span value;
		int k = find_named(m, in->field[i], &value);

		if (k == -1 || out->given[k]) {
			snprintf(comment, comment_size, "field %u of %s %s",
			    i + 1, m->type,
			    k != -1          ? "is given twice"
			        : place == n ? "is one too many"
			                     : "is no NAME=VALUE it knows");
			return CODE_BAD;
		}
		out->value[k] = value;
		out->given[k] = true;
	}
	for (unsigned i = 0; i < n; i++) {
		if ((wrong = message_wrong(&m->fields[i], out->value[i])) !=
		    NULL) {
			snprintf(comment, comment_size, "%s %s",
			    m->fields[i].name, wrong);
			return CODE_VALUE;
		}
	}
	return CODE_OK;
}

const struct message_field *
message_field(const struct message *m, const char *option)
{
	for (unsigned i = 0; i < message_nfields(m); i++)
		if (strcmp(m->fields[i].option, option) == 0)
			return &m->fields[i];
	return NULL;
}

static size_t
index_of(const struct message_args *a, const char *option)
{
	const struct message_field *f = message_field(a->message, option);

	if (f == NULL)
		abort(); /* a misspelt name in our own code */
	return (size_t)(f - a->message->fields);
}

struct span
message_arg(const struct message_args *a, const char *option)
{
	return a->value[index_of(a, option)];
}

bool
message_given(const struct message_args *a, const char *option)
{
	return a->given[index_of(a, option)];
}
