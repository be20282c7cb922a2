/*
 * admind's edge (the feed) and spawnd's (mailboxes, usage, revocation).
 */
#include "config.h"
#include "admind/authd.h"

#include "libcommon/log.h"

#include <errno.h>
#include <stdlib.h>

#define SPAWND_MAX 4      /* one, and ones that are going */
#define REVOKED_MAX 65536 /* waiting while spawnd is away */

static uint64_t feeder; /* whose feed is open */
static uint64_t spawnds[SPAWND_MAX];
static uint32_t *waiting;
static size_t nwaiting, waiting_cap;

/* ---- revocation ----------------------------------------------------------- */

/* To every spawnd there is; false if there is none. */
static bool
revoke_tell(uint32_t mailbox)
{
	bool told = false;
	struct ipc *ipc;
	struct buf b;

	buf_init(&b, 16);
	wire_put_u32(&b, mailbox);
	for (size_t i = 0; i < nitems(spawnds); i++)
		if (spawnds[i] != 0 &&
		    (ipc = ipc_by_token(spawnds[i])) != NULL &&
		    ipc_note(ipc, MSG_AUTH_REVOKED, &b, -1) == 0)
			told = true;
	buf_clear(&b);
	return told;
}

static void
revoke_mailbox(uint32_t mailbox)
{
	uint32_t *p;

	login_revoke(mailbox);
	if (revoke_tell(mailbox))
		return;
	/* spawnd is away; if it died its workers did too, if only its channel
	 * broke it will be back and must be told. */
	if (nwaiting == REVOKED_MAX)
		return;
	if (nwaiting == waiting_cap) {
		size_t cap = waiting_cap == 0 ? 64 : waiting_cap * 2;

		if ((p = reallocarray(waiting, cap, sizeof(*p))) == NULL)
			return;
		waiting = p;
		waiting_cap = cap;
	}
	waiting[nwaiting++] = mailbox;
}

void
feed_revoke_waiting(void)
{
	while (nwaiting > 0 && revoke_tell(waiting[nwaiting - 1]))
		nwaiting--;
}

/* ---- admind --------------------------------------------------------------- */

static int
feed_state(struct ipc *ipc, struct ipc_msg *m)
{
	struct store_state st = store_state(authd.store);
	struct buf b;

	if (m->payload.len != 0)
		return ipc_refuse(ipc, m, "form");
	/* Asking is how admind begins: whatever was under way is not. */
	store_rollback(authd.store);
	feeder = ipc_token(ipc);
	buf_init(&b, 32);
	wire_put_u64(&b, st.directory);
	wire_put_u64(&b, st.journal);
	wire_put_u8(&b, st.complete);
	ipc_reply(ipc, m->id, MSG_FEED_STATE_IS, &b, -1);
	buf_clear(&b);
	return 0;
}

static int
feed_commit(struct ipc *ipc, struct ipc_msg *m)
{
	uint64_t from, journal;
	uint32_t mailbox;
	struct wire w;

	wire_init(&w, m->payload);
	from = wire_u64(&w);
	journal = wire_u64(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	if (store_commit(authd.store, from, journal) == -1) {
		ipc_fail(ipc, m->id, errno == EBUSY ? FAIL_BAD : FAIL_TEMP,
		    errno == EBUSY ? "a gap" : "cannot be stored");
		return 0;
	}
	authd.feeds++;
	while (store_next_revoked(authd.store, &mailbox))
		revoke_mailbox(mailbox);
	ipc_reply(ipc, m->id, MSG_FEED_DONE, NULL, -1);
	return 0;
}

static int
feed_used(struct ipc *ipc, struct ipc_msg *m)
{
	uint32_t mailbox[USED_MAX];
	uint64_t bytes[USED_MAX];
	struct buf b;
	unsigned n;

	if (msg_used_get(m->payload, mailbox, &n) == -1)
		return ipc_refuse(ipc, m, "form");
	if (!store_state(authd.store).complete) {
		ipc_fail(ipc, m->id, FAIL_TEMP,
		    "the directory is not complete");
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		bytes[i] = usage_get(authd.store, mailbox[i]);
	buf_init(&b, IPC_MAX);
	msg_used_is_put(&b, bytes, n);
	ipc_reply(ipc, m->id, MSG_AUTH_USED_IS, &b, -1);
	buf_clear(&b);
	authd_check_store();
	return 0;
}

static int
feed_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct feed_row row;
	uint64_t directory;
	struct wire w;
	int r;

	(void)arg;
	if (m->type == MSG_FEED_STATE)
		return feed_state(ipc, m);
	/* On a channel that feeds nothing: */
	if (m->type == MSG_AUTH_LOGIN)
		return login_ask(ipc, m);
	if (m->type == MSG_AUTH_USED)
		return feed_used(ipc, m);
	if (feeder != ipc_token(ipc))
		return ipc_refuse(ipc, m, "it has not asked for the state");
	switch (m->type) {
	case MSG_FEED_BEGIN:
		wire_init(&w, m->payload);
		directory = wire_u64(&w);
		if (wire_done(&w) == -1)
			return ipc_refuse(ipc, m, "form");
		/* A failure shows at the commit. */
		(void)store_begin(authd.store, directory);
		r = 0;
		break;
	case MSG_FEED_ROW:
		if (feed_row_get(m->payload, &row) == -1)
			return ipc_refuse(ipc, m, "form");
		(void)store_apply(authd.store, &row);
		r = 0;
		break;
	case MSG_FEED_COMMIT:
		r = feed_commit(ipc, m);
		break;
	default:
		return ipc_refuse(ipc, m, "not for authd");
	}
	authd_check_store();
	return r;
}

bool
feed_better_send(const struct feed_better *better)
{
	struct ipc *ipc = feeder != 0 ? ipc_by_token(feeder) : NULL;
	struct buf b;
	bool sent;

	buf_init(&b, 2048);
	feed_better_put(&b, better);
	sent = ipc != NULL && ipc_note(ipc, MSG_AUTH_BETTER, &b, -1) == 0;
	buf_clear(&b);
	return sent;
}

static void
feed_gone(struct ipc *ipc, void *arg)
{
	(void)arg;
	if (feeder == ipc_token(ipc)) {
		store_rollback(authd.store);
		feeder = 0;
	}
}

const struct ipc_ops feed_ops = { .msg = feed_msg, .gone = feed_gone };

/* ---- spawnd ---------------------------------------------------------------- */

static int
spawnd_box(struct ipc *ipc, struct ipc_msg *m)
{
	struct store_box box;
	uint32_t mailbox;
	struct wire w;

	wire_init(&w, m->payload);
	mailbox = wire_u32(&w);
	if (wire_done(&w) == -1)
		return ipc_refuse(ipc, m, "form");
	switch (store_box(authd.store, mailbox, &box)) {
	case STORE_UNKNOWN:
		ipc_fail(ipc, m->id, FAIL_TEMP,
		    "the directory is not complete");
		return 0;
	case STORE_NONE:
		ipc_fail(ipc, m->id, FAIL_NONE, "no such mailbox");
		return 0;
	case STORE_FOUND:
		break;
	}
	box_tell(ipc, m->id, mailbox, &box);
	return 0;
}

static int
spawnd_usage(struct ipc *ipc, struct ipc_msg *m)
{
	uint32_t mailbox;
	uint64_t bytes;
	struct wire w;

	wire_init(&w, m->payload);
	mailbox = wire_u32(&w);
	bytes = wire_u64(&w);
	if (wire_done(&w) == -1 || mailbox == 0)
		return ipc_refuse(ipc, m, "form");
	usage_set(mailbox, bytes);
	return 0;
}

static int
spawnd_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	int r;

	(void)arg;
	switch (m->type) {
	case MSG_AUTH_REDEEM:
		r = login_redeem(ipc, m);
		break;
	case MSG_AUTH_BOX:
		r = spawnd_box(ipc, m);
		break;
	case MSG_AUTH_USAGE:
		r = spawnd_usage(ipc, m);
		break;
	default:
		return ipc_refuse(ipc, m, "not for authd");
	}
	authd_check_store();
	return r;
}

static void
spawnd_up(struct ipc *ipc, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < nitems(spawnds); i++) {
		if (spawnds[i] != 0 && ipc_by_token(spawnds[i]) != NULL)
			continue;
		spawnds[i] = ipc_token(ipc);
		feed_revoke_waiting();
		return;
	}
	log_warnx("spawnd has too many channels");
	ipc_close(ipc);
}

const struct ipc_ops spawnd_ops = { .msg = spawnd_msg, .up = spawnd_up };
