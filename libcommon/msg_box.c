#include "config.h"
#include "libcommon/msg_box.h"
#include "libcommon/wire.h"

static bool
is_session(uint8_t service)
{
	return service == SERVICE_POP3 || service == SERVICE_IMAP;
}

void
msg_spawn_attach_put(struct buf *b, const struct msg_spawn_attach *m)
{
	buf_put(b, m->ticket, sizeof(m->ticket));
	wire_put_u8(b, m->service);
	wire_put_bytes(b, m->remote);
}

int
msg_spawn_attach_get(struct span in, struct msg_spawn_attach *out)
{
	struct wire w;

	wire_init(&w, in);
	wire_raw(&w, out->ticket, sizeof(out->ticket));
	out->service = wire_u8(&w);
	out->remote = wire_text(&w, BOX_REMOTE_MAX);
	if (!is_session(out->service))
		w.bad = true;
	return wire_done(&w);
}

void
msg_box_attach_put(struct buf *b, const struct msg_box_attach *m)
{
	wire_put_u8(b, m->service);
	wire_put_bytes(b, m->remote);
}

int
msg_box_attach_get(struct span in, struct msg_box_attach *out)
{
	struct wire w;

	wire_init(&w, in);
	out->service = wire_u8(&w);
	out->remote = wire_text(&w, BOX_REMOTE_MAX);
	if (!is_session(out->service) && out->service != SERVICE_DELIVER)
		w.bad = true;
	return wire_done(&w);
}

void
msg_settings_put(struct buf *b, const struct msg_settings *m)
{
	wire_put_bytes(b, m->forward);
	wire_put_bytes(b, m->vacation);
}

int
msg_settings_get(struct span in, struct msg_settings *out)
{
	struct wire w;

	wire_init(&w, in);
	out->forward = wire_text(&w, SETTINGS_FORWARD_MAX);
	out->vacation = wire_bytes(&w, SETTINGS_VACATION_MAX);
	return wire_done(&w);
}

void
msg_purge_put(struct buf *b, const struct msg_purge *m)
{
	wire_put_u64(b, m->before_s);
	wire_put_u8(b, m->dry_run);
}

int
msg_purge_get(struct span in, struct msg_purge *out)
{
	struct wire w;

	wire_init(&w, in);
	out->before_s = wire_u64(&w);
	out->dry_run = wire_u8(&w);
	if (out->dry_run > 1)
		w.bad = true;
	return wire_done(&w);
}

void
msg_purged_put(struct buf *b, const struct msg_purged *m)
{
	wire_put_u64(b, m->messages);
	wire_put_u64(b, m->bytes);
}

int
msg_purged_get(struct span in, struct msg_purged *out)
{
	struct wire w;

	wire_init(&w, in);
	out->messages = wire_u64(&w);
	out->bytes = wire_u64(&w);
	return wire_done(&w);
}

void
msg_written_put(struct buf *b, const struct msg_written *m)
{
	wire_put_u8(b, m->how);
	msg_actions_put(b, &m->actions);
}

int
msg_written_get(struct span in, struct msg_written *out)
{
	struct wire w;

	wire_init(&w, in);
	out->how = wire_u8(&w);
	msg_actions_get(&w, &out->actions);
	/* Neither kept nor sent on would be lost. */
	if (out->how > WRITTEN_NOT ||
	    (out->how == WRITTEN_NOT && out->actions.nforward == 0))
		w.bad = true;
	return wire_done(&w);
}

void
msg_publish_put(struct buf *b, const uint64_t *ids, uint32_t n)
{
	wire_put_u32(b, n);
	for (uint32_t i = 0; i < n; i++)
		wire_put_u64(b, ids[i]);
}

int
msg_publish_get(struct span in, struct msg_publish *out)
{
	struct wire w;

	wire_init(&w, in);
	out->n = wire_u32(&w);
	out->ids = span_from(w.next, w.left);
	if (out->n > BOX_PUBLISH_MAX)
		w.bad = true;
	for (uint32_t i = 0; i < out->n && !w.bad; i++)
		wire_u64(&w);
	return wire_done(&w);
}

uint64_t
msg_publish_id(const struct msg_publish *m, uint32_t i)
{
	return le64_get(m->ids.data + 8 * (size_t)i);
}
