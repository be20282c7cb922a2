/*
 * All the way: aliases of aliases to mailboxes and addresses elsewhere.
 *
 * Aliases wait in a list and each is opened once, so a loop ends by itself and
 * an alias that two others name adds its members once.
 */
#include "config.h"
#include "admind/authd.h"
#include "admind/alias_list.h"
#include "admind/nag.h"
#include "admind/resolve.h"

#include "libcommon/log.h"

#include <stdio.h>

void
box_address(const struct store_box *b, char out[static 321])
{
	snprintf(out, 321, "%.64s@%.255s", b->login, b->domain_name);
}

/* ---- targets ---------------------------------------------------------------- */

static uint16_t *
slot_of(struct resolution *r, const struct target *t)
{
	uint32_t h = t->mailbox * 2654435761u;
	size_t i;

	if (t->kind == TARGET_REMOTE)
		for (h = 2166136261u, i = 0; i < t->address.len; i++)
			h = (h ^ t->address.data[i]) * 16777619u;
	for (i = h % nitems(r->slot); r->slot[i] != 0;
	     i = (i + 1) % nitems(r->slot)) {
		const struct target *u = &r->grant.targets[r->slot[i] - 1];

		if (u->kind == t->kind && u->mailbox == t->mailbox &&
		    (t->kind == TARGET_MAILBOX ||
		        span_eq(u->address, t->address)))
			break;
	}
	return &r->slot[i];
}

/* False: there already, or no room. */
static bool
add_target(struct resolution *r, uint8_t kind, uint32_t mailbox,
    const char *address)
{
	struct target t = { kind, mailbox, span_of(address) };
	uint16_t *slot = slot_of(r, &t);

	if (*slot != 0)
		return false;
	/* As targets_put() writes it, and a MAC. */
	if (r->grant.n == TARGETS_MAX ||
	    r->used + t.address.len + 9 * (r->grant.n + 1) + 32 > GRANT_MAX) {
		r->too_many = true;
		return false;
	}
	memcpy(r->text + r->used, address, t.address.len);
	t.address.data = (unsigned char *)r->text + r->used;
	r->used += t.address.len;
	r->grant.targets[r->grant.n] = t;
	*slot = (uint16_t)++r->grant.n;
	return true;
}

/* False: there is no such mailbox. */
static bool
take_mailbox(struct store *s, struct resolution *r, uint32_t mailbox)
{
	struct store_box box;
	char address[321];

	switch (store_box(s, mailbox, &box)) {
	case STORE_NONE:
		return false;
	case STORE_UNKNOWN:
		r->unknown = true;
		return true;
	case STORE_FOUND:
		break;
	}
	box_address(&box, address);
	if (!box.local) {
		add_target(r, TARGET_REMOTE, 0, address);
		return true;
	}
	/* Its mail goes with it. */
	if (box.state == BOX_DELETING) {
		r->leaving = true;
		return true;
	}
	if (!add_target(r, TARGET_MAILBOX, mailbox, address))
		return true;
	if (box.state != BOX_ACTIVE)
		r->nwaiting++;
	else if (box.quota_kb > 0 &&
	    usage_get(s, mailbox) / 1024 >= box.quota_kb)
		r->nfull++;
	return true;
}

/* ---- aliases ------------------------------------------------------------------- */

static void
take_alias(struct resolution *r, uint32_t id, unsigned from)
{
	unsigned i;

	for (i = 0; i < r->naliases; i++) {
		if (r->alias[i].id != id)
			continue;
		/* Is it one of those that led here? */
		while (from != i && from != r->alias[from].from)
			from = r->alias[from].from;
		if (from == i && nag(id))
			log_warnx("alias-loop alias=%u", id);
		return;
	}
	if (r->naliases == ALIASES_MAX) {
		r->too_many = true;
		return;
	}
	r->alias[r->naliases].id = id;
	r->alias[r->naliases].from = r->naliases == 0 ? 0 : from;
	r->naliases++;
}

/* False: nobody. */
static bool
take(struct store *s, struct resolution *r, const struct meaning *m,
    unsigned from)
{
	switch (m->what) {
	case MEANS_NOBODY:
		return false;
	case MEANS_MAILBOX:
		return take_mailbox(s, r, m->id);
	case MEANS_ALIAS:
		take_alias(r, m->id, from);
		break;
	case MEANS_REMOTE:
		add_target(r, TARGET_REMOTE, 0, m->address);
		break;
	case MEANS_UNKNOWN:
		r->unknown = true;
		break;
	}
	return true;
}

static void
open_alias(struct store *s, struct resolution *r, unsigned index)
{
	uint32_t id = r->alias[index].id;
	struct feed_alias alias;
	struct span rest, member;
	struct meaning m;

	switch (store_alias(s, id, &alias)) {
	case STORE_NONE:
		if (nag(id))
			log_warnx("alias-gone alias=%u", id);
		return;
	case STORE_UNKNOWN:
		r->unknown = true;
		return;
	case STORE_FOUND:
		break;
	}
	rest = alias.list;
	while (alias_list_next(&rest, &member) && !r->unknown && !r->too_many) {
		if (++r->nmembers > MEMBERS_MAX)
			r->too_many = true;
		meaning_of_member(s, &alias, id, member, &m);
		if (!take(s, r, &m, index) && nag(id))
			log_warnx("alias-member alias=%u name=%s member=%s "
			          "problem=\"there is no such address\"",
			    id, log_quote(alias.name), log_quote(member));
	}
}

/* ---- recipients ------------------------------------------------------------------ */

static void
resolution_init(struct resolution *r)
{
	memset(r->slot, 0, sizeof(r->slot));
	r->grant.n = 0;
	r->used = 0;
	r->naliases = r->nmembers = r->nwaiting = r->nfull = 0;
	r->leaving = r->unknown = r->too_many = false;
}

/* All targets are known. */
static enum rcpt_verdict
verdict(struct resolution *r, struct span address)
{
	unsigned n = r->grant.n;

	if (r->unknown || r->too_many) {
		r->grant.n = 0;
		if (r->unknown)
			return RCPT_TEMP;
		if (nag(r->alias[0].id))
			log_warnx("alias-too-many alias=%u address=%s "
			          "limit=%u",
			    r->alias[0].id, log_quote(address), TARGETS_MAX);
		return RCPT_TOO_MANY;
	}
	if (n == 0) {
		if (!r->leaving && r->naliases > 0 && nag(r->alias[0].id))
			log_warnx("alias-nowhere alias=%u address=%s",
			    r->alias[0].id, log_quote(address));
		return r->leaving ? RCPT_TEMP : RCPT_NO_USER;
	}
	/* One of many who takes no mail now does not keep it from the others:
	 * his waits here.  Where nobody takes any the sender is told. */
	if (r->nwaiting + r->nfull < n)
		return RCPT_OK;
	r->grant.n = 0;
	return r->nwaiting == 0 ? RCPT_FULL : RCPT_TEMP;
}

enum rcpt_verdict
resolve_rcpt(struct store *s, struct span address, struct resolution *r)
{
	struct meaning m;

	resolution_init(r);
	meaning_of_address(s, address, &m);
	if (!take(s, r, &m, 0))
		return RCPT_NO_USER;
	for (unsigned i = 0; i < r->naliases && !r->unknown && !r->too_many;
	     i++)
		open_alias(s, r, i);
	if (m.what == MEANS_REMOTE && !m.ours)
		return RCPT_NOT_OURS;
	return verdict(r, address);
}

/* ---- senders ------------------------------------------------------------------------ */

/* Through aliases of one member, as far as they go. */
static enum store_answer
follow(struct store *s, struct meaning *m, struct feed_alias *alias_out)
{
	struct span rest, first, second;
	enum store_answer a;
	uint32_t id;

	for (unsigned i = 0; m->what == MEANS_ALIAS; i++) {
		id = m->id;
		if ((a = store_alias(s, id, alias_out)) != STORE_FOUND)
			return a;
		rest = alias_out->list;
		if (i == VIRTUAL_STEPS_MAX || !alias_list_next(&rest, &first))
			return STORE_NONE;
		if (alias_list_next(&rest, &second))
			return STORE_FOUND; /* several */
		meaning_of_member(s, alias_out, id, first, m);
	}
	return m->what == MEANS_UNKNOWN ? STORE_UNKNOWN : STORE_FOUND;
}

/* Does the list name the mailbox, or what leads to it alone? */
static enum store_answer
list_names(struct store *s, const struct feed_alias *alias, uint32_t id,
    uint32_t mailbox, bool *out)
{
	struct span rest = alias->list, member;
	struct feed_alias other;
	struct meaning m;
	unsigned n = 0;

	while (!*out && alias_list_next(&rest, &member) && n++ < MEMBERS_MAX) {
		meaning_of_member(s, alias, id, member, &m);
		if (follow(s, &m, &other) == STORE_UNKNOWN)
			return STORE_UNKNOWN;
		*out = m.what == MEANS_MAILBOX && m.id == mailbox;
	}
	return STORE_FOUND;
}

enum store_answer
resolve_sender(struct store *s, uint32_t mailbox, struct span path,
    bool *may_out)
{
	struct feed_alias alias;
	enum store_answer a;
	struct store_box box;
	struct meaning m;

	*may_out = false;
	a = store_box(s, mailbox, &box);
	if (a != STORE_FOUND || box.state != BOX_ACTIVE)
		return a;
	/* <> is for notices that mail programs send (RFC 8098, RFC 5321
	 * 4.5.5). */
	if (path.len == 0) {
		*may_out = true;
		return STORE_FOUND;
	}
	meaning_of_address(s, path, &m);
	if ((a = follow(s, &m, &alias)) != STORE_FOUND)
		return a;
	*may_out = m.what == MEANS_MAILBOX && m.id == mailbox;
	if (m.what == MEANS_ALIAS && alias.domain == box.domain)
		a = list_names(s, &alias, m.id, mailbox, may_out);
	return a;
}
