/* Passwords of mailboxes: is it the one there is, and a hash of a new one. */
#include "config.h"
#include "admind/req_box.h"

#include "libcommon/secret.h"

void
box_check_password(struct job *j, const char *verifier,
    void (*then)(struct job *, bool same))
{
	then(j, verifier[0] != '\0' &&
	    secret_verify(job_arg(j, "password"), verifier) == 1);
}

void
box_hash_password(struct job *j, void (*then)(struct job *))
{
	if (secret_hash(job_arg(j, "password"), j->box.verifier) == -1)
		job_finish_with(j, CODE_TEMP, "no memory to hash with");
	else
		then(j);
}
