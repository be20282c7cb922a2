/*
 * Passwords are checked and hashed in a child, by whose side admind goes on: a
 * request that waits for it is in nobody's way.  Nothing of it has been done yet,
 * and those of one connection still come one after the other (panel.c).
 */
#include "config.h"
#include "admind/hasher.h"
#include "admind/job.h"

static void
no_hasher(struct job *j)
{
	job_finish_with(j, CODE_TEMP,
	    "the password cannot be hashed now, try "
	    "again later");
}

/* fn's turn comes when the hasher is done with it. */
static void
wait_for(struct job *j, int asked, void (*fn)(struct job *))
{
	j->then = fn;
	if (asked == -1)
		job_finish_with(j, CODE_TEMP,
		    "too many passwords at once, try "
		    "again later");
	else
		job_aside(j);
}

static void
hashed(void *arg, const struct hasher_result *r)
{
	struct job *j = arg;

	if (r->better.len == 0 ||
	    span_copy(r->better, j->verifier, sizeof(j->verifier)) == -1)
		j->then = no_hasher;
	job_back(j);
}

void
job_hash(struct job *j, struct span password, void (*fn)(struct job *))
{
	wait_for(j, hasher_hash(password, hashed, j), fn);
}

static void
checked(void *arg, const struct hasher_result *r)
{
	struct job *j = arg;

	j->same = r->which >= 0;
	if (r->which == HASHER_TROUBLE)
		j->then = no_hasher;
	job_back(j);
}

void
job_check(struct job *j, const char *verifier, void (*fn)(struct job *))
{
	struct span v = span_of(verifier);

	j->same = false;
	if (span_has_prefix_icase(v, "$argon2"))
		wait_for(j,
		    hasher_check(job_arg(j, "password"), &v, 1, checked, j),
		    fn);
	else
		fn(j); /* none, or another system's: ours takes its place */
}
