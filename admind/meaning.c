#include "config.h"
#include "admind/nag.h"
#include "admind/names.h"
#include "admind/resolve.h"

#include "libcommon/log.h"

#include <stdio.h>

static char hostname[ADDR_DOMAIN_MAX + 1];

/* A name in lower case (ASCII), and how much of it stands before its +detail.
 * Domains have been through addr.c before they come here, what is not in its
 * form then matches nothing. */
struct name {
	char text[ADDR_DOMAIN_MAX];
	size_t len, plain;
};

static void
name_of(struct name *n, struct span s)
{
	n->len = n->plain = 0;
	if (s.len > sizeof(n->text))
		return;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		n->text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		if (c == '+' && n->plain == 0)
			n->plain = i;
	}
	n->len = s.len;
	if (n->plain == 0)
		n->plain = n->len;
}

void
resolve_init(const char *name)
{
	struct name n;

	name_of(&n, span_of(name));
	snprintf(hostname, sizeof(hostname), "%.*s", (int)n.len, n.text);
}

/* ---- steps ------------------------------------------------------------------ */

/* Each finds one kind of thing for a name of a domain. */

static enum store_answer
step_mailbox(struct store *s, uint32_t domain, struct span name,
    struct meaning *m)
{
	m->what = MEANS_MAILBOX;
	return store_find(s, domain, name, &m->id);
}

static enum store_answer
alias_of(struct store *s, uint32_t owner, struct span name, struct meaning *m)
{
	enum store_answer a = store_find_alias(s, name, &m->id);
	struct feed_alias alias;

	m->what = MEANS_ALIAS;
	if (a != STORE_FOUND ||
	    (a = store_alias(s, m->id, &alias)) != STORE_FOUND)
		return a;
	/* Another domain's alias never catches this one's mail. */
	return alias.domain == owner ? STORE_FOUND : STORE_NONE;
}

static enum store_answer
step_alias(struct store *s, uint32_t domain, struct span name,
    struct meaning *m)
{
	return alias_of(s, domain, name, m);
}

static enum store_answer
step_reserved(struct store *s, uint32_t domain, struct span name,
    struct meaning *m)
{
	char text[NAME_LOCAL_MAX + 1];

	(void)domain;
	if (span_copy(name, text, sizeof(text)) == -1 ||
	    !name_is_reserved(text))
		return STORE_NONE;
	return alias_of(s, 0, name, m);
}

static enum store_answer
step_server(struct store *s, uint32_t domain, struct span name,
    struct meaning *m)
{
	(void)domain;
	return alias_of(s, 0, name, m);
}

static enum store_answer
step_any_alias(struct store *s, uint32_t domain, struct span name,
    struct meaning *m)
{
	(void)domain;
	m->what = MEANS_ALIAS;
	return store_find_alias(s, name, &m->id);
}

static void address_step(struct store *, struct span, struct meaning *,
    unsigned steps);
static void bare_name(struct store *, uint32_t domain, struct span,
    struct meaning *, uint32_t except);

static void
follow_virtual(struct store *s, const struct feed_virtual *v, struct meaning *m,
    unsigned steps)
{
	char text[FEED_NAME_MAX + 1 + ADDR_DOMAIN_MAX + 1];
	struct addr a;

	if (v->alias != 0) {
		m->what = MEANS_ALIAS;
		m->id = v->alias;
	} else if (v->mailbox != 0) {
		m->what = MEANS_MAILBOX;
		m->id = v->mailbox;
	} else if (v->real_domain.len == 0) {
		bare_name(s, v->domain, v->real_user, m, 0);
	} else {
		snprintf(text, sizeof(text), "%.*s@%.*s", (int)v->real_user.len,
		    (const char *)v->real_user.data, (int)v->real_domain.len,
		    (const char *)v->real_domain.data);
		m->what = MEANS_NOBODY;
		if (addr_parse(span_of(text), ADDR_UTF8, &a) == 0)
			address_step(s, span_of(a.text), m, steps + 1);
	}
}

typedef enum store_answer (*step_fn)(struct store *, uint32_t domain,
    struct span name, struct meaning *);

/* One kind, as it is and then without +detail.  False: go on. */
static bool
try_step(step_fn step, struct store *s, uint32_t domain, const struct name *n,
    struct meaning *m)
{
	enum store_answer a = step(s, domain, span_from(n->text, n->len), m);

	if (a == STORE_NONE && n->plain < n->len)
		a = step(s, domain, span_from(n->text, n->plain), m);
	if (a == STORE_FOUND)
		return true;
	m->what = a == STORE_UNKNOWN ? MEANS_UNKNOWN : MEANS_NOBODY;
	return a == STORE_UNKNOWN;
}

static bool
try_virtual(struct store *s, uint32_t domain, const struct name *n,
    struct meaning *m, unsigned steps)
{
	struct feed_virtual v;
	enum store_answer a;

	a = store_virtual(s, domain, span_from(n->text, n->len), &v);
	if (a == STORE_NONE && n->plain < n->len)
		a = store_virtual(s, domain, span_from(n->text, n->plain), &v);
	if (a == STORE_FOUND)
		follow_virtual(s, &v, m, steps);
	else
		m->what = a == STORE_UNKNOWN ? MEANS_UNKNOWN : MEANS_NOBODY;
	return a != STORE_NONE;
}

/* False: nobody, and nothing that leads to nobody. */
static bool
of_domain(struct store *s, uint32_t domain, const struct name *n,
    struct meaning *m, unsigned steps)
{
	static const struct name all = { .len = 0 };

	m->what = MEANS_NOBODY;
	return n->len > 0 &&
	    (try_step(step_mailbox, s, domain, n, m) ||
	        try_virtual(s, domain, n, m, steps) ||
	        try_step(step_alias, s, domain, n, m) ||
	        try_step(step_reserved, s, domain, n, m) ||
	        try_virtual(s, domain, &all, m, steps));
}

/* name@HOSTNAME */
static void
of_server(struct store *s, const struct name *n, struct meaning *m)
{
	enum store_answer a;

	if (n->len == 0 || try_step(step_server, s, 0, n, m))
		return;
	/* RFC 5321 4.5.1: postmaster is always somebody. */
	if (!span_is(span_from(n->text, n->plain), "postmaster"))
		return;
	a = store_find_postmaster(s, &m->id);
	m->what = a == STORE_FOUND ? MEANS_MAILBOX
	    : a == STORE_NONE      ? MEANS_NOBODY
	                           : MEANS_UNKNOWN;
}

static void
address_step(struct store *s, struct span address, struct meaning *m,
    unsigned steps)
{
	struct name local, domain;
	size_t at = address.len;
	bool lives_here = false, is_host;
	enum store_answer a;
	uint32_t id;

	m->what = MEANS_NOBODY;
	if (steps > VIRTUAL_STEPS_MAX) {
		if (nag_text(address))
			log_warnx("virtual-loop address=%s",
			    log_quote(address));
		return;
	}
	while (at > 0 && address.data[at - 1] != '@')
		at--;
	if (at == 0) {
		name_of(&local, address);
		of_server(s, &local, m);
		m->ours = true;
		return;
	}
	name_of(&local, span_sub(address, 0, at - 1));
	name_of(&domain, span_sub(address, at, address.len));
	is_host = span_is(span_from(domain.text, domain.len), hostname);
	a = store_domain(s, span_from(domain.text, domain.len), &id,
	    &lives_here);
	if (a == STORE_UNKNOWN) {
		m->what = MEANS_UNKNOWN;
		return;
	}
	if (is_host || lives_here)
		m->ours = true;
	if (lives_here && of_domain(s, id, &local, m, steps))
		return;
	if (is_host)
		of_server(s, &local, m);
	else if (!lives_here &&
	    span_copy(address, m->address, sizeof(m->address)) == 0)
		m->what = MEANS_REMOTE;
}

void
meaning_of_address(struct store *s, struct span address, struct meaning *m)
{
	m->ours = false;
	address_step(s, address, m, 0);
}

/* A name without @, in something that domain owns (0: the administrator). */
static void
bare_name(struct store *s, uint32_t domain, struct span text, struct meaning *m,
    uint32_t except)
{
	bool lives_here;
	struct name n;

	m->what = MEANS_NOBODY;
	name_of(&n, text);
	if (n.len == 0)
		return;
	if (try_step(step_any_alias, s, 0, &n, m) &&
	    (m->what != MEANS_ALIAS || m->id != except))
		return;
	m->what = MEANS_NOBODY;
	if (domain == 0 &&
	    store_domain(s, span_of(hostname), &domain, &lives_here) !=
	        STORE_FOUND)
		return;
	try_step(step_mailbox, s, domain, &n, m);
}

void
meaning_of_member(struct store *s, const struct feed_alias *owner,
    uint32_t alias, struct span member, struct meaning *m)
{
	struct addr a;

	m->ours = false;
	m->what = MEANS_NOBODY;
	if (span_chr(member, '@') < 0)
		bare_name(s, owner->domain, member, m, alias);
	else if (addr_parse(member, ADDR_UTF8, &a) == 0)
		address_step(s, span_of(a.text), m, 0);
}
