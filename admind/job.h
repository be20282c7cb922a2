/*
 * job - a request on its way: carried out one after the other, each waits for
 * the database, for authd and for spawnd in turn.  While its password is hashed
 * it stands aside, and others are carried out.
 *
 * A request's function (struct request) ends, at once or later, in exactly one
 * of job_finish(), job_finish_with(), job_rows(), job_settle(), job_sync(),
 * job_fed(), job_home(), job_hash() or job_check().
 */
#ifndef ADMIND_JOB_H
#define ADMIND_JOB_H

#include "admind/admind.h"
#include "admind/dir_box.h"
#include "admind/message.h"
#include "libcommon/secret.h"

#include <sys/queue.h>

struct job {
	TAILQ_ENTRY(job) next;
	struct fields in; /* owns what args borrows */
	struct message_args args;
	struct dir_who who;
	void (*answer)(void *, uint64_t, struct span);
	void *arg;
	uint64_t token;
	char domain[256];       /* of the header, or the first field: form */
	struct dir_mailbox box; /* FORM_MAILBOX: domain and login are set */
	struct settings set;    /* of the mailbox: req_box_set.c */
	struct {
		bool home;  /* it has been made */
		bool purge; /* PURGEBAL itself: it says what went */
		bool again; /* it comes again: later mail stays, but
		                        * what still goes is told, too */
		unsigned effect;
		uint64_t number;
	} doing; /* in its home: req_box_work.c */
	struct {
		char after[65];         /* of its mailboxes, a login */
		uint64_t bytes;         /* those of the ones before */
	} sum;                          /* of a domain: req_box_show.c */
	void (*own)(struct job *);      /* of admind's own accord: no answer */
	uint32_t going;                 /* a domain that is being deleted */
	void (*then)(struct job *);     /* when its turn comes again */
	char verifier[SECRET_HASH_MAX]; /* of its new password: job_hash() */
	bool same;                      /* it is not new: job_check() */
	void (*fed)(struct job *);
	int (*home_done)(struct job *, struct ipc_msg *);
	struct buf extra; /* fields of the answer after COMMENT */
	bool quiet;       /* one of many: logged only if refused */
	char comment[COMMENT_MAX + 1];
};

/* What carries a TYPE out.  Lists end with an empty row. */
struct request {
	const char *type;
	void (*run)(struct job *);
};
extern const struct request domain_requests[];   /* req_domain.c */
extern const struct request entity_requests[];   /* req_entity.c */
extern const struct request box_requests[];      /* req_box.c */
extern const struct request box_set_requests[];  /* req_box_set.c */
extern const struct request box_show_requests[]; /* req_box_show.c */
extern const struct request box_app_requests[];  /* req_box_app.c */
extern const struct request dns_requests[];      /* req_dns.c */
extern const struct request audit_requests[];    /* req_audit.c */
extern const struct request purge_requests[];    /* req_purge.c */
extern const struct request copy_requests[];     /* req_copy.c */
extern const struct request panel_requests[];    /* req_panel.c */

/* A value by option name ("quota"); was it in the request at all. */
struct span job_arg(const struct job *, const char *option);
bool job_given(const struct job *, const char *option);
/* Copy it; it fits (the table's max says so). */
void job_copy(const struct job *, const char *option, char *dst, size_t size);
uint64_t job_number(const struct job *, const char *option); /* 0 if empty */

/* Add a field to the answer (after COMMENT). */
void job_put(struct job *, struct span);

/* MATCH, AFTER and MAX of a LIST, and the header's DOMAIN. */
struct dir_page job_page(const struct job *);
/* The answer of LIST and SHOW; the rows are cleared.  columns: "name|state". */
void job_rows(struct job *, int code, const char *columns, struct rows *);

/* Answer; the comment is in j->comment. */
void job_finish(struct job *, int code);
__attribute__((format(printf, 3, 4))) void job_finish_with(struct job *,
    int code, const char *fmt, ...);
/* Answer CODE_OK with j->comment when authd and the small text files have all
 * that is committed; job_sync(): the large ones, too. */
void job_settle(struct job *);
void job_sync(struct job *);
/* Go on with fn then, from the event loop. */
void job_fed(struct job *, void (*fn)(struct job *));
/*
 * Argon2id of a new password to j->verifier, or whether the request's password is
 * that of a verifier to j->same; then go on with fn.  Others' requests are
 * carried out meanwhile: nothing must be under way yet, and fn looks at the
 * database anew (job_password.c).
 */
void job_hash(struct job *, struct span password, void (*fn)(struct job *));
void job_check(struct job *, const char *verifier, void (*fn)(struct job *));
/* For job_password.c: another one's turn; j->then's turn comes after the one that is
 * carried out now. */
void job_aside(struct job *);
void job_back(struct job *);
/* Does somebody wait for this one to end? */
bool job_is_in_the_way(void);
/*
 * When authd has all that is committed, ask spawnd; payload is taken.  done
 * gets its answer and goes on as a request's function does; -1 if it cannot be
 * read.  Trouble (FAIL, no answer) ends in CODE_TEMP by itself: what was
 * committed must be such that job_recover() or a retry finishes it.
 */
void job_home(struct job *, enum msg_type, const struct buf *payload,
    int (*done)(struct job *, struct ipc_msg *));

/* Bring mailbox j->box.id to its end, whatever is still under way with it, and
 * answer CODE_OK with j->comment (req_box_work.c). */
void box_finish(struct job *);
/* The same for a domain that is being deleted, j->going (req_domain.c).  Both
 * are also what jobs of admind's own accord do for what a crash or a deadline
 * left unfinished. */
void domain_finish(struct job *);

#endif
