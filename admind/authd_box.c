/*
 * What spawnd is told of a mailbox, with a digest of what gives people a right
 * to be in it: spawnd, which cannot hear us while we are away, compares it then
 * with the one a session began with.
 */
#include "config.h"
#include "admind/authd.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"
#include "libcommon/wire.h"

/* Of the passwords that are good for a session, as the store has them, so that
 * it is the same after a new start or a full load. */
static uint64_t
box_rights(uint32_t mailbox)
{
	static const uint8_t services[] = { SERVICE_POP3, SERVICE_IMAP };
	static const unsigned char key[32];
	struct store_credential found[STORE_CREDENTIALS_MAX];
	unsigned char digest[16];
	struct span all;
	struct buf b;
	uint64_t rights = 0;
	unsigned n;

	buf_init(&b, 64 * 1024);
	for (size_t i = 0; i < nitems(services); i++) {
		if (store_credentials(authd.store, mailbox, services[i], found,
		        &n) != STORE_FOUND)
			goto out; /* not known: never the same */
		for (unsigned k = 0; k < n; k++) {
			wire_put_u8(&b, services[i]);
			wire_put_u32(&b, found[k].id);
			wire_put_bytes(&b, found[k].verifier);
		}
	}
	if (buf_error(&b) != 0)
		goto out;
	all = buf_span(&b);
	secret_mac(digest, sizeof(digest), key, &all, 1);
	rights = le64_get(digest) | 1;
out:
	buf_clear(&b);
	return rights;
}

void
box_tell(struct ipc *ipc, uint32_t request, uint32_t mailbox,
    const struct store_box *box)
{
	struct msg_box out = { .mailbox = mailbox,
		.uid = box->uid,
		.state = box->state,
		.quota_kb = box->quota_kb,
		.rights = box_rights(mailbox) };
	struct buf b;

	memcpy(out.domain, box->domain_name, sizeof(out.domain));
	memcpy(out.login, box->login, sizeof(out.login));
	box_address(box, out.address);
	buf_init(&b, 1024);
	msg_box_put(&b, &out);
	ipc_reply(ipc, request, MSG_AUTH_BOX_IS, &b, -1);
	buf_clear(&b);
}
