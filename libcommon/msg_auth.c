#include "config.h"
#include "libcommon/msg_auth.h"

#include "libcommon/addr.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

#include <errno.h>

#define MAC_BYTES 16
#define COUNT_LONG 255 /* the count follows as u16 */
#define REMOTE_MAX 64  /* a client address as text */

void
targets_put(struct buf *b, const struct target *t, unsigned n)
{
	wire_put_u8(b, n < COUNT_LONG ? (uint8_t)n : COUNT_LONG);
	if (n >= COUNT_LONG)
		wire_put_u16(b, (uint16_t)n);
	for (unsigned i = 0; i < n; i++) {
		wire_put_u8(b, t[i].kind);
		wire_put_u32(b, t[i].mailbox);
		wire_put_bytes(b, t[i].address);
	}
}

unsigned
targets_get_count(struct wire *w)
{
	unsigned n = wire_u8(w);

	if (n == COUNT_LONG && (n = wire_u16(w)) < COUNT_LONG)
		w->bad = true; /* one list, one form: it is signed */
	if (n > TARGETS_MAX)
		w->bad = true;
	return w->bad ? 0 : n;
}

void
targets_get_one(struct wire *w, struct target *out)
{
	out->kind = wire_u8(w);
	out->mailbox = wire_u32(w);
	out->address = wire_text(w, ADDR_MAX - 1);
	if (out->address.len == 0 ||
	    (out->kind != TARGET_MAILBOX && out->kind != TARGET_REMOTE) ||
	    (out->kind == TARGET_REMOTE && out->mailbox != 0))
		w->bad = true;
}

/* The length of the recipient is part of what is signed, so that no byte can
 * move from the address to the list or back. */
static void
grant_mac(unsigned char mac[MAC_BYTES], const unsigned char *key,
    struct span rcpt, struct span list)
{
	unsigned char len[4] = { 0 };
	struct span parts[3] = { span_from(len, sizeof(len)), rcpt, list };

	le32_put(len, (uint32_t)rcpt.len);
	secret_mac(mac, MAC_BYTES, key, parts, nitems(parts));
}

void
grant_put(struct buf *b, const unsigned char key[static GRANT_KEY_BYTES],
    struct span rcpt, const struct grant *g)
{
	unsigned char mac[MAC_BYTES];
	size_t start = b->len;

	targets_put(b, g->targets, g->n);
	if (buf_error(b) != 0)
		return;
	grant_mac(mac, key, rcpt, span_from(b->data + start, b->len - start));
	buf_put(b, mac, sizeof(mac));
}

int
grant_get(struct span bytes, const unsigned char key[static GRANT_KEY_BYTES],
    struct span rcpt, struct grant *out)
{
	unsigned char mac[MAC_BYTES];
	struct span list;
	struct wire w;

	out->n = 0;
	if (bytes.len <= MAC_BYTES || bytes.len > GRANT_MAX) {
		errno = EBADMSG;
		return -1;
	}
	list = span_sub(bytes, 0, bytes.len - MAC_BYTES);
	grant_mac(mac, key, rcpt, list);
	if (!secret_equal(mac, bytes.data + list.len, MAC_BYTES)) {
		errno = EPERM;
		return -1;
	}
	wire_init(&w, list);
	out->n = targets_get_count(&w);
	for (unsigned i = 0; i < out->n && !w.bad; i++)
		targets_get_one(&w, &out->targets[i]);
	if (out->n == 0)
		w.bad = true;
	if (wire_done(&w) == 0)
		return 0;
	out->n = 0;
	return -1;
}

void
msg_login_put(struct buf *b, const struct msg_login *m)
{
	wire_put_bytes(b, m->login);
	wire_put_bytes(b, m->password);
	wire_put_u8(b, m->service);
	wire_put_bytes(b, m->remote);
}

int
msg_login_get(struct span in, struct msg_login *out)
{
	struct wire w;

	wire_init(&w, in);
	out->login = wire_text(&w, LOGIN_MAX);
	out->password = wire_bytes(&w, PASSWORD_MAX);
	out->service = wire_u8(&w);
	out->remote = wire_text(&w, REMOTE_MAX);
	if (out->service != SERVICE_ADMIN &&
	    (out->service < SERVICE_SMTP || out->service > SERVICE_IMAP))
		w.bad = true;
	return wire_done(&w);
}

static unsigned
used_count(struct wire *w)
{
	uint32_t n = wire_u32(w);

	if (n > USED_MAX)
		w->bad = true;
	return w->bad ? 0 : n;
}

void
msg_used_put(struct buf *b, const uint32_t *mailbox, unsigned n)
{
	wire_put_u32(b, n);
	for (unsigned i = 0; i < n; i++)
		wire_put_u32(b, mailbox[i]);
}

int
msg_used_get(struct span in, uint32_t out[static USED_MAX], unsigned *n_out)
{
	struct wire w;

	wire_init(&w, in);
	*n_out = used_count(&w);
	for (unsigned i = 0; i < *n_out; i++)
		out[i] = wire_u32(&w);
	return wire_done(&w);
}

void
msg_used_is_put(struct buf *b, const uint64_t *bytes, unsigned n)
{
	wire_put_u32(b, n);
	for (unsigned i = 0; i < n; i++)
		wire_put_u64(b, bytes[i]);
}

int
msg_used_is_get(struct span in, uint64_t out[static USED_MAX], unsigned *n_out)
{
	struct wire w;

	wire_init(&w, in);
	*n_out = used_count(&w);
	for (unsigned i = 0; i < *n_out; i++)
		out[i] = wire_u64(&w);
	return wire_done(&w);
}

void
msg_box_put(struct buf *b, const struct msg_box *m)
{
	wire_put_u32(b, m->mailbox);
	wire_put_u32(b, m->uid);
	wire_put_u8(b, m->state);
	wire_put_u64(b, m->quota_kb);
	wire_put_u64(b, m->rights);
	wire_put_str(b, m->domain);
	wire_put_str(b, m->login);
	wire_put_str(b, m->address);
}

int
msg_box_get(struct span in, struct msg_box *out)
{
	struct wire w;

	wire_init(&w, in);
	out->mailbox = wire_u32(&w);
	out->uid = wire_u32(&w);
	out->state = wire_u8(&w);
	out->quota_kb = wire_u64(&w);
	out->rights = wire_u64(&w);
	wire_cstr(&w, out->domain, sizeof(out->domain));
	wire_cstr(&w, out->login, sizeof(out->login));
	wire_cstr(&w, out->address, sizeof(out->address));
	/* Uid 0 would make a worker root; the names become folders. */
	if (out->mailbox == 0 || out->uid == 0 || out->uid == UINT32_MAX ||
	    out->state < BOX_CREATING || out->state > BOX_DISABLED ||
	    !addr_is_folder_name(span_of(out->domain),
	        sizeof(out->domain) - 1) ||
	    !addr_is_folder_name(span_of(out->login), sizeof(out->login) - 1) ||
	    out->address[0] == '\0')
		w.bad = true;
	return wire_done(&w);
}
