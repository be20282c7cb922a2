/*
 * Requests, one after the other, and what a crash left unfinished.
 */
#include "config.h"
#include "admind/job.h"
#include "admind/dir_domain.h"
#include "admind/names.h"

#include "libcommon/log.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define JOB_MS 20000 /* then the answer is "not yet finished" */
#define WAITING_MAX 256
#define RECOVER_S 5

static TAILQ_HEAD(, job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned nwaiting, naside;
static struct job *current;
static struct event *deadline, *next_turn, *recovery;
static uint32_t recovered; /* mailboxes up to this one have had their turn */
static struct {
	enum msg_type type;
	struct buf payload;
} errand; /* of the current job, for spawnd */

static const struct request *const requests[] = { domain_requests,
	entity_requests, box_requests, box_set_requests, box_show_requests,
	box_app_requests, dns_requests, audit_requests, purge_requests,
	copy_requests, panel_requests };

static void job_next(void);

/* ---- what requests are made of ---------------------------------------------------- */

struct span
job_arg(const struct job *j, const char *option)
{
	return message_arg(&j->args, option);
}

bool
job_given(const struct job *j, const char *option)
{
	return message_given(&j->args, option);
}

void
job_copy(const struct job *j, const char *option, char *dst, size_t size)
{
	if (span_copy(job_arg(j, option), dst, size) == -1)
		fatalx("%s does not fit", option); /* the table is wrong */
}

uint64_t
job_number(const struct job *j, const char *option)
{
	uint64_t n = 0;

	if (span_u64(job_arg(j, option), INT64_MAX, &n) == -1)
		return 0; /* empty */
	return n;
}

void
job_put(struct job *j, struct span s)
{
	field_put(&j->extra, s, false);
}

/* ---- the end of a job ------------------------------------------------------------- */

static void
job_answer(struct job *j, int code)
{
	char number[16];
	struct buf b;

	snprintf(number, sizeof(number), "%d", code);
	buf_init(&b, REQUEST_MAX);
	field_put(&b, fields_get(&j->in, 0), true);
	field_put(&b, fields_get(&j->in, 1), false);
	field_put(&b, span_of(""), false);
	field_put(&b, fields_get(&j->in, 3), false);
	field_put(&b, span_of(number), false);
	field_put(&b, span_of(j->comment), false);
	/* Of a new password, too, nothing is told before it can be used. */
	if (code == CODE_OK && buf_error(&j->extra) == 0)
		buf_put_span(&b, buf_span(&j->extra));
	if (buf_error(&b) != 0 || buf_error(&j->extra) != 0) {
		buf_reset(&b); /* a field near the limit */
		buf_printf(&b, "||||%d|%s", code, "answer too long");
	}
	if (!j->quiet || code != CODE_OK)
		log_info("admin type=%s who=%s domain=%s code=%d comment=%s",
		    log_quote(fields_get(&j->in, 0)),
		    log_quote_str(j->who.name),
		    log_quote(fields_get(&j->in, 3)), code,
		    log_quote_str(j->comment));
	j->answer(j->arg, j->token, buf_span(&b));
	buf_clear(&b); /* wiped: an answer may hold a new password */
}

static void
job_free(struct job *j)
{
	fields_clear(&j->in);
	buf_clear(&j->extra);
	explicit_bzero(j->box.verifier, sizeof(j->box.verifier));
	explicit_bzero(j->verifier, sizeof(j->verifier));
	free(j);
}

void
job_finish(struct job *j, int code)
{
	struct timeval now = { 0, 0 };

	event_del(deadline);
	feeder_forget();
	exports_forget();
	ipc_forget(admind.spawnd, j);
	ipc_forget(who_authd(), j);
	buf_clear(&errand.payload);
	if (code != CODE_OK)
		admind.refused++;
	if (j->answer != NULL) {
		job_answer(j, code);
	} else {
		log_info("admin finished %s=%s%s%s code=%d comment=%s",
		    j->going != 0 ? "domain" : "mailbox",
		    j->going != 0 ? "" : j->box.login, j->going != 0 ? "" : "@",
		    j->going != 0 ? j->domain : j->box.domain, code,
		    log_quote_str(j->comment));
	}
	job_free(j);
	current = NULL;
	event_add(next_turn, &now);
	hooks_kick();
}

void
job_finish_with(struct job *j, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->comment, sizeof(j->comment), fmt, ap);
	va_end(ap);
	job_finish(j, code);
}

struct dir_page
job_page(const struct job *j)
{
	return (struct dir_page){ job_arg(j, "match"), job_arg(j, "after"),
		job_number(j, "max"), j->domain };
}

void
job_rows(struct job *j, int code, const char *columns, struct rows *rows)
{
	if (code == CODE_OK && rows_put(rows, columns, &j->extra) == -1) {
		dir_say(j->comment, "it is too long for an answer");
		code = CODE_LIMIT;
	}
	rows_clear(rows);
	job_finish(j, code);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (current != NULL)
		job_finish_with(current, CODE_TEMP,
		    "not finished yet, it goes "
		    "on by itself; ask again later");
}

static void
on_exported(void *arg, const char *trouble)
{
	if (trouble == NULL)
		job_finish(arg, CODE_OK);
	else
		job_finish_with(arg, CODE_TEMP,
		    "it is done, but the text files "
		    "cannot be written now: %.80s",
		    trouble);
}

static void
on_settled(void *arg)
{
	on_exported(arg, exports_now());
}

static void
on_synced(void *arg)
{
	exports_all(on_exported, arg);
}

void
job_settle(struct job *j)
{
	feeder_sync(on_settled, j);
}

void
job_sync(struct job *j)
{
	feeder_sync(on_synced, j);
}

static void
on_fed(void *arg)
{
	struct job *j = arg;

	j->fed(j);
}

void
job_fed(struct job *j, void (*fn)(struct job *))
{
	j->fed = fn;
	feeder_sync(on_fed, j);
}

bool
job_is_in_the_way(void)
{
	return nwaiting > 0;
}

/* ---- spawnd ------------------------------------------------------------------------ */

static int
on_home(struct ipc_msg *m, void *arg)
{
	char reason[201] = "spawnd does not answer";
	struct job *j = arg;
	enum fail fail;

	if (m != NULL && m->type != MSG_FAIL)
		return j->home_done(j, m);
	if (m != NULL && msg_fail_get(m->payload, &fail, reason) == -1)
		return -1;
	job_finish_with(j, CODE_TEMP, "its home cannot be reached now: %.100s",
	    reason);
	return 0;
}

/* authd knows of it: now spawnd may ask authd. */
static void
ask_home(void *arg)
{
	struct job *j = arg;
	int r = ipc_request(admind.spawnd, errand.type, &errand.payload, -1,
	    JOB_MS, on_home, j);

	buf_clear(&errand.payload);
	if (r == -1)
		job_finish_with(j, CODE_TEMP,
		    "spawnd cannot be reached; it "
		    "goes on by itself, ask again later");
}

void
job_home(struct job *j, enum msg_type type, const struct buf *payload,
    int (*done)(struct job *, struct ipc_msg *))
{
	j->home_done = done;
	errand.type = type;
	buf_clear(&errand.payload);
	errand.payload = *payload;
	feeder_sync(ask_home, j);
}

/* ---- the header ---------------------------------------------------------------------- */

/* DOMAIN of the header, and what the form says of the first field. */
static int
take_header(struct job *j)
{
	struct span domain = fields_get(&j->in, 3), first = j->args.value[0];
	char again[256];

	if (domain.len > 0 && !name_domain(domain, j->domain)) {
		dir_say(j->comment, "DOMAIN is no domain name");
		return CODE_VALUE;
	}
	switch (j->args.message->form) {
	case FORM_PLAIN:
		break;
	case FORM_DOMAIN:
		if (first.len == 0 && domain.len > 0)
			break;
		if (!name_domain(first, again)) {
			dir_say(j->comment, "DOMAIN NAME is no domain name");
			return CODE_VALUE;
		}
		if (domain.len > 0 && strcmp(again, j->domain) != 0) {
			dir_say(j->comment, "DOMAIN and DOMAIN NAME differ");
			return CODE_BAD;
		}
		memcpy(j->domain, again, sizeof(again));
		break;
	case FORM_MAILBOX:
		if (domain.len == 0) {
			dir_say(j->comment, "DOMAIN is no domain name");
			return CODE_VALUE;
		}
		memcpy(j->box.domain, j->domain, sizeof(j->box.domain));
		if (!name_local(first, j->box.login)) {
			dir_say(j->comment, "MAILBOX LOGIN " NAME_LOCAL_RULE);
			return CODE_VALUE;
		}
		break;
	}
	return CODE_OK;
}

/* May this one send this TYPE at all? */
static int
check_who(struct job *j)
{
	static const unsigned by[] = { [WHO_ALL] = BY_ALL,
		[WHO_ADMIN] = BY_ADMIN,
		[WHO_CLIENT] = BY_CLIENT,
		[WHO_MAILBOX] = BY_MAILBOX };

	if (j->args.message->by & by[j->who.kind])
		return CODE_OK;
	dir_say(j->comment, "this login may not do this");
	return CODE_DENIED;
}

/* ---- one after the other ------------------------------------------------------------- */

static void (*find_request(struct span type))(struct job *)
{
	for (size_t i = 0; i < nitems(requests); i++)
		for (const struct request *r = requests[i]; r->type != NULL;
		     r++)
			if (span_is(type, r->type))
				return r->run;
	return NULL;
}

static void
job_start(struct job *j)
{
	struct timeval tv = { JOB_MS / 1000, 0 };
	void (*run)(struct job *) = find_request(fields_get(&j->in, 0));
	void (*then)(struct job *) = j->then;
	int code;

	event_add(deadline, &tv);
	if (j->answer == NULL) { /* what a crash left */
		j->own(j);
		return;
	}
	j->args.message = message_find(fields_get(&j->in, 0));
	if (run == NULL || j->args.message == NULL) {
		job_finish_with(j, CODE_UNKNOWN, "there is no such TYPE");
		return;
	}
	if (!admind.open) {
		job_finish_with(j, CODE_TEMP,
		    "the database is not ready yet, "
		    "try again later");
		return;
	}
	if (!feeder_is_up()) {
		job_finish_with(j, CODE_TEMP,
		    "authd cannot be reached, try "
		    "again later");
		return;
	}
	j->then = NULL;
	if (then != NULL) { /* its password has been looked at */
		then(j);
		return;
	}
	if ((code = check_who(j)) != CODE_OK ||
	    (code = message_take(j->args.message, &j->in, &j->args, j->comment,
	         sizeof(j->comment))) != CODE_OK ||
	    (code = take_header(j)) != CODE_OK)
		job_finish(j, code);
	else
		run(j);
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
	         NULL)) == NULL ||
	    (next_turn = event_new(admind.proc.base, -1, 0, on_next_turn,
	         NULL)) == NULL)
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
job_aside(struct job *j)
{
	struct timeval now = { 0, 0 };

	(void)j; /* the hasher has it */
	event_del(deadline);
	current = NULL;
	naside++;
	event_add(next_turn, &now);
}

/* In front: its turn was before theirs. */
void
job_back(struct job *j)
{
	struct timeval now = { 0, 0 };

	naside--;
	TAILQ_INSERT_HEAD(&waiting, j, next);
	nwaiting++;
	event_add(next_turn, &now);
}

static void
job_known(void *arg, int code, const struct dir_who *who, const char *comment)
{
	struct job *j = arg;

	j->who = *who;
	if (code == CODE_OK) {
		job_queue(j);
		return;
	}
	admind.refused++;
	dir_say(j->comment, "%s", comment);
	job_answer(j, code);
	job_free(j);
}

void
job_add(struct span request, const struct who_from *from,
    void (*answer)(void *arg, uint64_t token, struct span), void *arg,
    uint64_t token)
{
	struct job *j = calloc(1, sizeof(*j));
	const char *why = NULL;

	if (j != NULL) {
		fields_init(&j->in);
		buf_init(&j->extra, REQUEST_MAX);
		j->answer = answer;
		j->arg = arg;
		j->token = token;
	}
	admind.requests++;
	if (j == NULL || nwaiting + naside >= WAITING_MAX)
		why = "||||-2|too many requests at once, try again later";
	else if (fields_parse(&j->in, request) == -1 || j->in.n < 4)
		why = "||||-1|the request is not TYPE\\pCLIENT LOGIN\\pPASSWORD"
		      "\\pDOMAIN\\p..., or an escape in it is wrong";
	if (why != NULL) {
		answer(arg, token, span_of(why));
		if (j != NULL)
			job_free(j);
		return;
	}
	who_ask(fields_get(&j->in, 1), fields_get(&j->in, 2), from, job_known,
	    j);
}

unsigned
job_waiting(void)
{
	return nwaiting + naside + (current != NULL);
}

/* ---- what was left unfinished -------------------------------------------------------------- */

static void
own_job(void (*run)(struct job *), uint32_t mailbox, uint32_t domain,
    const char *name)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return;
	fields_init(&j->in);
	buf_init(&j->extra, REQUEST_MAX);
	snprintf(j->who.name, sizeof(j->who.name), "admind");
	snprintf(j->who.origin, sizeof(j->who.origin), "recovery");
	j->own = run;
	j->going = domain;
	snprintf(j->domain, sizeof(j->domain), "%s", name);
	j->box.id = mailbox;
	job_queue(j);
}

static void
on_recovery(evutil_socket_t fd, short what, void *arg)
{
	static bool domains; /* and mailboxes by turns */
	char name[256];
	uint32_t id;
	int found;

	(void)fd;
	(void)what;
	(void)arg;
	if (!admind.open || current != NULL || nwaiting > 0 ||
	    !feeder_is_up() || !ipc_is_up(admind.spawnd))
		return;
	domains = !domains;
	if (domains && dir_deldom_next(admind.db, &id, name) == 1) {
		own_job(domain_finish, 0, id, name);
		return;
	}
	found = dir_unfinished(admind.db, recovered, &id);
	if (found == 0 && recovered > 0) /* from the beginning */
		found = dir_unfinished(admind.db, recovered = 0, &id);
	if (found != 1)
		return;
	recovered = id;
	own_job(box_finish, id, 0, "");
}

void
job_recover(void)
{
	struct timeval tv = { RECOVER_S, 0 };

	job_init();
	if (recovery == NULL &&
	    ((recovery = event_new(admind.proc.base, -1, EV_PERSIST,
	          on_recovery, NULL)) == NULL))
		fatalx("job memory");
	event_add(recovery, &tv);
	event_active(recovery, EV_TIMEOUT, 0);
}
