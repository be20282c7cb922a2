/* Login names: full, flat, short, and what servers make of them. */
#include "config.h"
#include "admind/authd.h"
#include "admind/login_name.h"
#include "admind/test_feed.h"
#include "tap.h"

#include "libcommon/log.h"

#include <stdio.h>
#include <stdlib.h>

struct authd authd;

void
authd_check_store(void)
{
}

enum { LONG = 1, SHORT = 2, POP = 3, AWAY = 4 };

static int
domain_on(struct store *s, uint32_t id, const char *name, uint32_t on)
{
	FEED(feed_domain, FEED_DOMAIN, name, on != AWAY, on, 1, span_of(name),
	    span_of(""));
}

static void
directory(struct store *s)
{
	server(s, LONG, "long", 1, SERVER_IMAP, LOGINS_WITH_DOMAIN);
	server(s, SHORT, "short", 0, SERVER_IMAP, LOGINS_SHORT);
	server(s, POP, "pop", 0, SERVER_POP, LOGINS_WITH_DOMAIN);
	server(s, AWAY, "away", 0, SERVER_IMAP, LOGINS_SHORT);
	domain_on(s, 1, "dom.com", LONG);
	domain_on(s, 2, "b.dom.com", LONG);
	domain_on(s, 3, "short.com", SHORT);
	domain_on(s, 4, "pop.com", POP);
	domain_on(s, 5, "away.com", AWAY);
	domain_on(s, 6, "c.b.dom.com", LONG);
	domain_on(s, 7, "none.com", 9); /* a server that is not known */
	mailbox(s, 1, 1, "toto", BOX_ACTIVE);
	mailbox(s, 2, 1, "a.b", BOX_ACTIVE);
	mailbox(s, 3, 2, "a", BOX_ACTIVE);
	mailbox(s, 4, 2, "only", BOX_ACTIVE);
	mailbox(s, 5, 6, "x.y", BOX_ACTIVE);
	mailbox_short(s, 6, 1, "with-short", BOX_ACTIVE, "ws");
	mailbox_short(s, 7, 3, "jean.dupont", BOX_ACTIVE, "jean");
	mailbox_short(s, 8, 3, "marie", BOX_ACTIVE, "mm");
	mailbox_short(s, 9, 3, "michel", BOX_DISABLED, "mm");
	/* the same short login, where it is none */
	mailbox_short(s, 10, 1, "jeanne", BOX_ACTIVE, "jean");
	mailbox_short(s, 11, 5, "far", BOX_ACTIVE, "far");
	mailbox(s, 12, 4, "pop", BOX_ACTIVE);
	/* somebody's short login that is another's flat one */
	mailbox_short(s, 13, 3, "thief", BOX_ACTIVE, "toto.dom.com");
	mailbox(s, 14, 7, "bob", BOX_ACTIVE);
	mailbox_short(s, 15, 3, "jea", BOX_ACTIVE, "jea");
	mailbox_short(s, 16, 3, "dotted", BOX_ACTIVE, "d.o.t");
	alias(s, 20, 1, "sales", "toto");
	virtual_user(s, 30, 1, "info", "toto", "", 0, 1);
}

static void
test_names(struct store *s)
{
	static const struct {
		const char *name;
		uint32_t mailbox; /* 0: nobody */
		uint8_t service;
	} rows[] = {
		{ "toto@dom.com", 1, SERVICE_POP3 },
		{ "ToTo@Dom.Com", 1, SERVICE_POP3 },
		{ "toto+x@dom.com", 0, SERVICE_POP3 },
		{ "sales@dom.com", 0, SERVICE_POP3 },
		{ "info@dom.com", 0, SERVICE_POP3 },
		{ "toto@dom.com.", 0, SERVICE_POP3 },
		{ "@dom.com", 0, SERVICE_POP3 },
		{ "toto@", 0, SERVICE_POP3 },
		{ "far@away.com", 0, SERVICE_POP3 },
		/* flat: of two the longest mailbox name */
		{ "toto.dom.com", 1, SERVICE_POP3 },
		{ "TOTO.DOM.COM", 1, SERVICE_POP3 },
		{ "a.b.dom.com", 2, SERVICE_POP3 },
		{ "a.b@dom.com", 2, SERVICE_POP3 },
		{ "a@b.dom.com", 3, SERVICE_POP3 },
		{ "only.b.dom.com", 4, SERVICE_POP3 },
		{ "x.y.c.b.dom.com", 5, SERVICE_POP3 },
		{ "y.c.b.dom.com", 0, SERVICE_POP3 },
		{ ".dom.com", 0, SERVICE_POP3 },
		{ "toto.", 0, SERVICE_POP3 },
		{ ".", 0, SERVICE_POP3 },
		{ "", 0, SERVICE_POP3 },
		{ "sales.dom.com", 0, SERVICE_POP3 },
		{ "far.away.com", 0, SERVICE_POP3 },
		{ "jean.dupont.short.com", 7, SERVICE_POP3 },
		/* short, only where the server says so, only of one */
		{ "jean", 7, SERVICE_POP3 },
		{ "Jean", 7, SERVICE_SMTP },
		{ "ws", 0, SERVICE_POP3 },
		{ "mm", 0, SERVICE_POP3 },
		{ "far", 0, SERVICE_POP3 },
		{ "jea", 15, SERVICE_POP3 },
		{ "je", 0, SERVICE_POP3 },
		{ "d.o.t", 16, SERVICE_POP3 },
		{ "toto", 0, SERVICE_POP3 },
		{ "jean@short.com", 0, SERVICE_POP3 },
		/* POP servers */
		{ "pop@pop.com", 12, SERVICE_POP3 },
		{ "pop@pop.com", 12, SERVICE_SMTP },
		{ "pop@pop.com", 0, SERVICE_IMAP },
		{ "toto@dom.com", 1, SERVICE_IMAP },
		{ "bob@none.com", 14, SERVICE_IMAP },
	};
	struct store_box box;
	enum store_answer a;

	for (size_t i = 0; i < nitems(rows); i++) {
		a = login_find(s, span_of(rows[i].name), rows[i].service, &box);
		is_int(a == STORE_FOUND ? box.mailbox : 0, rows[i].mailbox,
		    "\"%s\" for service %u", rows[i].name, rows[i].service);
	}
}

static void
test_long(struct store *s)
{
	char name[LOGIN_MAX + 2];
	struct store_box box;

	memset(name, '.', sizeof(name));
	is_int(login_find(s, span_from(name, LOGIN_MAX), 2, &box), STORE_NONE,
	    "dots only");
	memset(name, 'x', sizeof(name));
	is_int(login_find(s, span_from(name, LOGIN_MAX), 2, &box), STORE_NONE,
	    "as long as may be");
	is_int(login_find(s, span_from(name, LOGIN_MAX + 1), 2, &box),
	    STORE_NONE, "and longer");
}

int
main(void)
{
	struct store_box box;
	struct store *s;

	log_init("login_name_test");
	if (!test_begin() || (s = store_open(test_dirfd)) == NULL)
		return 1;
	is_int(login_find(s, span_of("toto@dom.com"), 2, &box), STORE_UNKNOWN,
	    "full: nothing is known yet");
	is_int(login_find(s, span_of("toto.dom.com"), 2, &box), STORE_UNKNOWN,
	    "flat");
	is_int(login_find(s, span_of("toto"), 2, &box), STORE_UNKNOWN, "short");
	store_begin(s, 1);
	directory(s);
	is_int(store_commit(s, 0, 1), 0, "a directory");
	test_names(s);
	test_long(s);
	store_close(&s);
	test_end();
	return done_testing();
}
