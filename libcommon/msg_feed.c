#include "config.h"
#include "libcommon/msg_feed.h"

#include "libcommon/addr.h"
#include "libcommon/wire.h"

void
feed_row_put(struct buf *b, const struct feed_row *r)
{
	wire_put_u8(b, r->table);
	wire_put_u32(b, r->id);
	wire_put_u8(b, r->put);
	wire_put_bytes(b, r->bytes);
}

int
feed_row_get(struct span in, struct feed_row *out)
{
	struct wire w;

	wire_init(&w, in);
	out->table = wire_u8(&w);
	out->id = wire_u32(&w);
	out->put = wire_u8(&w);
	out->bytes = wire_bytes(&w, FEED_ROW_MAX);
	if (out->table == 0 || out->table >= FEED_TABLE__COUNT ||
	    out->id == 0 || out->put > 1 ||
	    (out->put == 0 && out->bytes.len > 0))
		w.bad = true;
	return wire_done(&w);
}

void
feed_domain_put(struct buf *b, const struct feed_domain *d)
{
	wire_put_u8(b, d->local);
	wire_put_u32(b, d->server);
	wire_put_u32(b, d->client);
	wire_put_bytes(b, d->name);
	wire_put_bytes(b, d->ldap);
}

int
feed_domain_get(struct span in, struct feed_domain *out)
{
	struct wire w;

	wire_init(&w, in);
	out->local = wire_u8(&w);
	out->server = wire_u32(&w);
	out->client = wire_u32(&w);
	out->name = wire_text(&w, ADDR_DOMAIN_MAX);
	out->ldap = wire_text(&w, FEED_LDAP_MAX);
	if (out->local > 1 || out->name.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_mailbox_put(struct buf *b, const struct feed_mailbox *m)
{
	wire_put_u32(b, m->domain);
	wire_put_u32(b, m->uid);
	wire_put_u8(b, m->state);
	wire_put_u64(b, m->quota_kb);
	wire_put_bytes(b, m->login);
	wire_put_bytes(b, m->short_login);
}

int
feed_mailbox_get(struct span in, struct feed_mailbox *out)
{
	struct wire w;

	wire_init(&w, in);
	out->domain = wire_u32(&w);
	out->uid = wire_u32(&w);
	out->state = wire_u8(&w);
	out->quota_kb = wire_u64(&w);
	out->login = wire_text(&w, ADDR_LOCAL_MAX);
	out->short_login = wire_text(&w, ADDR_LOCAL_MAX);
	if (out->domain == 0 || out->uid == 0 || out->uid == UINT32_MAX ||
	    out->state < BOX_CREATING || out->state > BOX_DISABLED ||
	    out->login.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_credential_put(struct buf *b, const struct feed_credential *c)
{
	wire_put_u32(b, c->mailbox);
	wire_put_u8(b, c->kind);
	wire_put_u32(b, c->services);
	wire_put_bytes(b, c->verifier);
}

int
feed_credential_get(struct span in, struct feed_credential *out)
{
	struct wire w;

	wire_init(&w, in);
	out->mailbox = wire_u32(&w);
	out->kind = wire_u8(&w);
	out->services = wire_u32(&w);
	out->verifier = wire_text(&w, VERIFIER_MAX);
	if (out->mailbox == 0 || out->kind < CREDENTIAL_PASSWORD ||
	    out->kind > CREDENTIAL_IMPORTED || out->verifier.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_alias_put(struct buf *b, const struct feed_alias *a)
{
	wire_put_u32(b, a->server);
	wire_put_u32(b, a->domain);
	wire_put_bytes(b, a->name);
	wire_put_bytes(b, a->list);
}

int
feed_alias_get(struct span in, struct feed_alias *out)
{
	struct wire w;

	wire_init(&w, in);
	out->server = wire_u32(&w);
	out->domain = wire_u32(&w);
	out->name = wire_text(&w, FEED_NAME_MAX);
	out->list = wire_text(&w, FEED_LIST_MAX);
	if (out->server == 0 || out->name.len == 0 || out->list.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_virtual_put(struct buf *b, const struct feed_virtual *v)
{
	wire_put_u32(b, v->domain);
	wire_put_bytes(b, v->user);
	wire_put_bytes(b, v->real_user);
	wire_put_bytes(b, v->real_domain);
	wire_put_u32(b, v->alias);
	wire_put_u32(b, v->mailbox);
}

int
feed_virtual_get(struct span in, struct feed_virtual *out)
{
	struct wire w;

	wire_init(&w, in);
	out->domain = wire_u32(&w);
	out->user = wire_text(&w, ADDR_LOCAL_MAX);
	out->real_user = wire_text(&w, FEED_NAME_MAX);
	out->real_domain = wire_text(&w, ADDR_DOMAIN_MAX);
	out->alias = wire_u32(&w);
	out->mailbox = wire_u32(&w);
	if (out->domain == 0 || out->real_user.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_server_put(struct buf *b, const struct feed_server *s)
{
	wire_put_u8(b, s->here);
	wire_put_u8(b, s->type);
	wire_put_u8(b, s->logins);
	wire_put_bytes(b, s->name);
	wire_put_bytes(b, s->ldap);
}

int
feed_server_get(struct span in, struct feed_server *out)
{
	struct wire w;

	wire_init(&w, in);
	out->here = wire_u8(&w);
	out->type = wire_u8(&w);
	out->logins = wire_u8(&w);
	out->name = wire_text(&w, FEED_NAME_MAX);
	out->ldap = wire_text(&w, FEED_LDAP_MAX);
	if (out->here > 1 || out->type < SERVER_POP ||
	    out->type > SERVER_IMAP || out->logins < LOGINS_WITH_DOMAIN ||
	    out->logins > LOGINS_SHORT || out->name.len == 0)
		w.bad = true;
	return wire_done(&w);
}

void
feed_better_put(struct buf *b, const struct feed_better *f)
{
	wire_put_u32(b, f->credential);
	wire_put_bytes(b, f->verifier);
	wire_put_bytes(b, f->better);
}

int
feed_better_get(struct span in, struct feed_better *out)
{
	struct wire w;

	wire_init(&w, in);
	out->credential = wire_u32(&w);
	out->verifier = wire_text(&w, VERIFIER_MAX);
	out->better = wire_text(&w, VERIFIER_MAX);
	if (out->credential == 0 || out->verifier.len == 0 ||
	    out->better.len == 0)
		w.bad = true;
	return wire_done(&w);
}
