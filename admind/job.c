/*
 * Requests, carried out one after the other: each waits for the database, for
 * authd and for spawnd in turn.
 *
 *	NEWBAL	insert as "creating" -> authd -> home made -> "active" -> authd
 *	DELBAL	"deleting" -> authd -> home removed -> rows gone -> authd
 *
 * What is cut short stays in one of these states and is finished later: by a
 * retry of the panel, or by job_recover().
 */
#include "config.h"
#include "admind/admind.h"

#include "libcommon/addr.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define JOB_MS 20000     /* then the answer is "not yet finished" */
#define WAITING_MAX 256
#define RECOVER_S 5

struct job {
	TAILQ_ENTRY(job) next;
	struct fields in;
	struct dir_who who;
	void (*answer)(void *, uint64_t, struct span);
	void *arg;
	uint64_t token;
	struct dir_mailbox box;
	bool activated;
	int code;
	char comment[COMMENT_MAX + 1];
};

static TAILQ_HEAD(, job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned nwaiting;
static struct job *current;
static struct event *deadline, *next_turn, *recovery;
static uint32_t recovered; /* mailboxes up to this one have had their turn */

static void job_next(void);

/* ---- the end of a job ------------------------------------------------------------- */

static void
finish(struct job *j, int code)
{
	struct timeval now = { 0, 0 };
	char number[16];
	struct buf b;

	event_del(deadline);
	feeder_forget();
	ipc_forget(admind.spawnd, j);
	if (code != CODE_OK)
		admind.refused++;
	if (j->answer != NULL) {
		snprintf(number, sizeof(number), "%d", code);
		buf_init(&b, REQUEST_MAX);
		field_put(&b, fields_get(&j->in, 0), true);
		field_put(&b, fields_get(&j->in, 1), false);
		field_put(&b, span_of(""), false);
		field_put(&b, fields_get(&j->in, 3), false);
		field_put(&b, span_of(number), false);
		field_put(&b, span_of(j->comment), false);
		if (buf_error(&b) != 0) { /* a field near the limit */
			buf_reset(&b);
			buf_printf(&b, "||||%d|%s", code, "answer too long");
		}
		log_info("admin type=%s who=%s domain=%s code=%d comment=%s",
		    log_quote(fields_get(&j->in, 0)),
		    log_quote_str(j->who.name), log_quote(fields_get(&j->in, 3)),
		    code, log_quote_str(j->comment));
		j->answer(j->arg, j->token, buf_span(&b));
		buf_clear(&b);
	} else {
		log_info("admin finished=%s mailbox=%s@%s code=%d comment=%s",
		    j->box.state == BOX_DELETING ? "DELBAL" : "NEWBAL",
		    j->box.login, j->box.domain, code,
		    log_quote_str(j->comment));
	}
	fields_clear(&j->in);
	explicit_bzero(j->box.verifier, sizeof(j->box.verifier));
	free(j);
	current = NULL;
	event_add(next_turn, &now);
}

static __attribute__((format(printf, 3, 4))) void
finish_with(struct job *j, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->comment, sizeof(j->comment), fmt, ap);
	va_end(ap);
	finish(j, code);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (current != NULL)
		finish_with(current, CODE_TEMP, "not finished yet, it goes on by "
		    "itself; ask again later");
}

/* ---- making and removing homes ---------------------------------------------------- */

static void
done_ok(void *arg)
{
	finish(arg, CODE_OK);
}

static void
home_done(struct job *j)
{
	int code;

	if (j->box.state == BOX_CREATING) {
		code = dir_activate(admind.db, j->box.id, j->comment);
		if (code == CODE_OK)
			snprintf(j->comment, sizeof(j->comment),
			    "the mailbox has been made");
	} else {
		code = dir_remove(admind.db, &j->who, &j->box, j->comment);
		if (code == CODE_OK)
			snprintf(j->comment, sizeof(j->comment),
			    "the mailbox has been deleted");
	}
	if (code != CODE_OK)
		finish(j, code);
	else
		feeder_sync(done_ok, j);
}

static int
on_home(struct ipc_msg *m, void *arg)
{
	char reason[201] = "spawnd does not answer";
	struct job *j = arg;
	enum fail fail;

	if (m != NULL && m->type == MSG_SPAWN_OK) {
		home_done(j);
		return 0;
	}
	if (m != NULL && msg_fail_get(m->payload, &fail, reason) == -1)
		return -1;
	finish_with(j, CODE_TEMP, "its home cannot be %s now: %.100s",
	    j->box.state == BOX_CREATING ? "made" : "removed", reason);
	return 0;
}

/* authd knows of it: now spawnd may ask authd. */
static void
ask_home(void *arg)
{
	struct job *j = arg;
	struct buf b;
	int r;

	buf_init(&b, 16);
	wire_put_u32(&b, j->box.id);
	r = ipc_request(admind.spawnd, j->box.state == BOX_CREATING ?
	    MSG_SPAWN_HOME : MSG_SPAWN_REMOVE, &b, -1, JOB_MS, on_home, j);
	buf_clear(&b);
	if (r == -1)
		finish_with(j, CODE_TEMP, "spawnd cannot be reached; it goes on "
		    "by itself, ask again later");
}

/* ---- the requests ------------------------------------------------------------------- */

/* Names are kept in lower case. */
static bool
take_login(struct job *j, struct span s)
{
	char *out = j->box.login;

	if (span_copy(s, out, sizeof(j->box.login)) == -1)
		return false;
	for (; *out != '\0'; out++)
		if (*out >= 'A' && *out <= 'Z')
			*out = (char)(*out + 32);
	/* "+" would be a detail of another's address. */
	return addr_is_folder_name(span_of(j->box.login), 64) &&
	    strchr(j->box.login, '+') == NULL;
}

static bool
take_domain(struct job *j, struct span s)
{
	char name[ADDR_DOMAIN_MAX + 1];

	if (addr_domain(s, name) == -1 || strchr(name, '.') == NULL ||
	    !addr_is_folder_name(span_of(name), 255))
		return false;
	memcpy(j->box.domain, name, sizeof(j->box.domain));
	return true;
}

static void
newdom(struct job *j)
{
	struct span name = fields_get(&j->in, 4);
	char first[256];
	int code;

	if (j->in.n > 5) {
		finish_with(j, CODE_BAD, "NEWDOM has one field");
		return;
	}
	if (name.len == 0)
		name = fields_get(&j->in, 3);
	if (!take_domain(j, name)) {
		finish_with(j, CODE_VALUE, "DOMAIN NAME is no domain name");
		return;
	}
	memcpy(first, j->box.domain, sizeof(first));
	if (fields_get(&j->in, 3).len > 0 &&
	    (!take_domain(j, fields_get(&j->in, 3)) ||
	    strcmp(first, j->box.domain) != 0)) {
		finish_with(j, CODE_BAD, "DOMAIN and DOMAIN NAME differ");
		return;
	}
	code = dir_newdom(admind.db, &j->who, j->box.domain, j->comment);
	if (code != CODE_OK)
		finish(j, code);
	else
		feeder_sync(done_ok, j);
}

/* Fields of NEWBAL after MAILBOX LOGIN and PASSWORD: their number in the
 * request, and whether this version carries them out. */
static const struct {
	const char *name;
	bool works;
} newbal_fields[] = {
	{ "COMMENT", true }, { "QUOTA", true }, { "ANTI-VIRUS", false },
	{ "FORWARD", false }, { "TEL SMS", false }, { "SMS FILTER", false },
	{ "SMS EMAIL", false }, { "SMS LOGIN", false },
	{ "SMS PASSWORD", false }, { "MSG VACATION", false },
	{ "SHORT LOGIN", false },
};
#define NEWBAL_FIRST 6

/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
static bool
is_utf8(struct span s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		c = s.data[i];
		n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 :
		    c >> 3 == 30 ? 4 : 0;
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

/* DOMAIN and MAILBOX LOGIN, which DELBAL has too.  False: finished. */
static bool
take_mailbox(struct job *j)
{
	if (!take_domain(j, fields_get(&j->in, 3))) {
		finish_with(j, CODE_VALUE, "DOMAIN is no domain name");
		return false;
	}
	if (!take_login(j, fields_get(&j->in, 4))) {
		finish_with(j, CODE_VALUE, "MAILBOX LOGIN may have 1 to 64 of a-z "
		    "0-9 . _ - =, a letter or digit first, no \"..\"");
		return false;
	}
	return true;
}

static bool
take_newbal(struct job *j)
{
	struct span quota = fields_get(&j->in, NEWBAL_FIRST + 1);

	if (j->in.n > NEWBAL_FIRST + nitems(newbal_fields)) {
		finish_with(j, CODE_BAD, "too many fields");
		return false;
	}
	if (!take_mailbox(j))
		return false;
	for (unsigned i = 0; i < nitems(newbal_fields); i++) {
		if (!newbal_fields[i].works &&
		    fields_get(&j->in, NEWBAL_FIRST + i).len > 0) {
			finish_with(j, CODE_NOT_YET, "%s cannot be set by this "
			    "version", newbal_fields[i].name);
			return false;
		}
	}
	/* In a passwd file it will be one field of one line. */
	if (!is_utf8(fields_get(&j->in, NEWBAL_FIRST)) || span_copy(fields_get(&j->in, NEWBAL_FIRST), j->box.comment,
	    sizeof(j->box.comment)) == -1) {
		finish_with(j, CODE_VALUE, "COMMENT has at most 255 bytes of UTF-8 "
		    "and no NUL");
		return false;
	}
	for (const char *c = j->box.comment; *c != '\0'; c++) {
		if (*c == '\n' || *c == '\r' || *c == ':') {
			finish_with(j, CODE_VALUE, "COMMENT may hold no line end "
			    "and no colon");
			return false;
		}
	}
	if (quota.len > 0 &&
	    span_u64(quota, 1ull << 40, &j->box.quota_kb) == -1) {
		finish_with(j, CODE_VALUE, "QUOTA is a number of Kbytes");
		return false;
	}
	return true;
}

/* It is there already: the same request again, or another's mailbox? */
static void
newbal_exists(struct job *j, const struct dir_mailbox *is)
{
	bool same = is->quota_kb == j->box.quota_kb &&
	    strcmp(is->comment, j->box.comment) == 0 &&
	    secret_verify(fields_get(&j->in, 5), is->verifier) == 1;

	if (is->state == BOX_DELETING) {
		finish_with(j, CODE_TEMP, "the mailbox is being deleted");
	} else if (!same || is->state == BOX_DISABLED) {
		finish_with(j, CODE_EXISTS, "the mailbox exists with other values");
	} else if (is->state == BOX_ACTIVE) {
		snprintf(j->comment, sizeof(j->comment), "the mailbox is there");
		feeder_sync(done_ok, j);
	} else {
		j->box = *is;
		feeder_sync(ask_home, j);
	}
}

static void
newbal(struct job *j)
{
	struct span password = fields_get(&j->in, 5);
	struct dir_mailbox is;
	int code;

	if (!take_newbal(j))
		return;
	if (password.len == 0 || password.len > PASSWORD_MAX) {
		finish_with(j, CODE_VALUE, "MAILBOX PASSWORD has 1 to %d bytes",
		    PASSWORD_MAX);
		return;
	}
	for (int tries = 0; tries < 2; tries++) {
		code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
		if (code == CODE_OK) {
			newbal_exists(j, &is);
			return;
		}
		if (code != CODE_NO_MAILBOX) {
			finish(j, code);
			return;
		}
		if (secret_hash(password, j->box.verifier) == -1) {
			finish_with(j, CODE_TEMP, "no memory to hash with");
			return;
		}
		code = dir_add(admind.db, &j->who, &j->box,
		    (uint32_t)conf_num("uid-first"),
		    (uint32_t)conf_num("uid-last"), j->comment);
		if (code == CODE_OK) {
			feeder_sync(ask_home, j);
			return;
		}
		if (code != CODE_EXISTS)
			break;
	}
	finish(j, code);
}

static void
delbal(struct job *j)
{
	struct dir_mailbox is;
	int code, r;

	if (j->in.n > 5) {
		finish_with(j, CODE_BAD, "DELBAL has one field");
		return;
	}
	if (!take_mailbox(j))
		return;
	code = dir_find(admind.db, &j->who, &j->box, &is, j->comment);
	if (code == CODE_NO_MAILBOX) {
		/* A panel that lost the answer asks again. */
		if ((r = dir_was_deleted(admind.db, &j->box)) < 0) {
			finish_with(j, r, "the database cannot be reached, try "
			    "again later");
		} else if (r == 1) {
			snprintf(j->comment, sizeof(j->comment),
			    "the mailbox is deleted already");
			feeder_sync(done_ok, j);
		} else {
			finish(j, code);
		}
		return;
	}
	if (code == CODE_OK) {
		j->box = is;
		code = dir_doom(admind.db, &j->who, &is, j->comment);
		j->box.state = BOX_DELETING;
	}
	if (code != CODE_OK)
		finish(j, code);
	else
		feeder_sync(ask_home, j);
}

static const struct {
	const char *type;
	void (*run)(struct job *);
} requests[] = {
	{ "NEWDOM", newdom },
	{ "NEWBAL", newbal },
	{ "DELBAL", delbal },
};

/* ---- one after the other ---------------------------------------------------------------- */

static void
job_start(struct job *j)
{
	struct timeval tv = { JOB_MS / 1000, 0 };
	int code;

	event_add(deadline, &tv);
	if (j->answer == NULL) { /* what a crash left */
		feeder_sync(ask_home, j);
		return;
	}
	if (!admind.open) {
		finish_with(j, CODE_TEMP, "the database is not ready yet, try "
		    "again later");
		return;
	}
	if (!feeder_is_up()) {
		finish_with(j, CODE_TEMP, "authd cannot be reached, try again "
		    "later");
		return;
	}
	if (!is_utf8(fields_get(&j->in, 1))) {
		finish_with(j, CODE_BAD, "CLIENT LOGIN is not UTF-8");
		return;
	}
	if (fields_get(&j->in, 1).len > 0) {
		code = dir_client(admind.db, fields_get(&j->in, 1),
		    fields_get(&j->in, 2), &j->who, j->comment);
		if (code != CODE_OK) {
			finish(j, code);
			return;
		}
	} else if (fields_get(&j->in, 2).len > 0) {
		finish_with(j, CODE_BAD, "a password without a client login");
		return;
	}
	for (size_t i = 0; i < nitems(requests); i++) {
		if (span_is(fields_get(&j->in, 0), requests[i].type)) {
			requests[i].run(j);
			return;
		}
	}
	finish_with(j, CODE_UNKNOWN, "there is no such TYPE");
}

static void
job_next(void)
{
	struct job *j = TAILQ_FIRST(&waiting);

	if (current != NULL || j == NULL)
		return;
	TAILQ_REMOVE(&waiting, j, next);
	nwaiting--;
	current = j;
	job_start(j);
}

static void
on_next_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	job_next();
}

static void
job_init(void)
{
	if (deadline != NULL)
		return;
	if ((deadline = event_new(admind.proc.base, -1, 0, on_deadline,
	    NULL)) == NULL || (next_turn = event_new(admind.proc.base, -1, 0,
	    on_next_turn, NULL)) == NULL)
		fatalx("job memory");
}

static void
job_queue(struct job *j)
{
	struct timeval now = { 0, 0 };

	job_init();
	TAILQ_INSERT_TAIL(&waiting, j, next);
	nwaiting++;
	event_add(next_turn, &now);
}

void
job_add(struct span request, const struct dir_who *who,
    void (*answer)(void *arg, uint64_t token, struct span), void *arg,
    uint64_t token)
{
	struct job *j = calloc(1, sizeof(*j));
	const char *why = NULL;

	if (j != NULL) {
		fields_init(&j->in);
		j->who = *who;
		j->answer = answer;
		j->arg = arg;
		j->token = token;
	}
	admind.requests++;
	if (j == NULL || nwaiting >= WAITING_MAX)
		why = "||||-2|too many requests at once, try again later";
	else if (fields_parse(&j->in, request) == -1 || j->in.n < 4)
		why = "||||-1|the request is not TYPE\\pCLIENT LOGIN\\pPASSWORD"
		    "\\pDOMAIN\\p..., or an escape in it is wrong";
	if (why != NULL) {
		answer(arg, token, span_of(why));
		if (j != NULL)
			fields_clear(&j->in);
		free(j);
		return;
	}
	job_queue(j);
}

unsigned
job_waiting(void)
{
	return nwaiting + (current != NULL);
}

/* ---- what was left unfinished -------------------------------------------------------------- */

static void
on_recovery(evutil_socket_t fd, short what, void *arg)
{
	struct dir_mailbox box;
	struct job *j;

	(void)fd;
	(void)what;
	(void)arg;
	if (!admind.open || current != NULL || nwaiting > 0 ||
	    !feeder_is_up() || !ipc_is_up(admind.spawnd))
		return;
	switch (dir_unfinished(admind.db, recovered, &box)) {
	case 0:
		recovered = 0; /* from the beginning, at the next turn */
		return;
	case -1:
		return;
	}
	recovered = box.id;
	if ((j = calloc(1, sizeof(*j))) == NULL)
		return;
	fields_init(&j->in);
	snprintf(j->who.name, sizeof(j->who.name), "admind");
	snprintf(j->who.origin, sizeof(j->who.origin), "recovery");
	j->box = box;
	job_queue(j);
}

void
job_recover(void)
{
	struct timeval tv = { RECOVER_S, 0 };

	job_init();
	if (recovery == NULL && ((recovery = event_new(admind.proc.base, -1,
	    EV_PERSIST, on_recovery, NULL)) == NULL))
		fatalx("job memory");
	event_add(recovery, &tv);
	event_active(recovery, EV_TIMEOUT, 0);
}
