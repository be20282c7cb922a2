/* req_box.h - what the requests about mailboxes (req_box*.c) share. */
#ifndef ADMIND_REQ_BOX_H
#define ADMIND_REQ_BOX_H

#include "admind/job.h"

/* The request's settings to j->set: those that are given (all where fields go
 * by position), but none of these bits.  false: it is answered. */
bool box_take_settings(struct job *, unsigned but);

/* Is the request's password that of this verifier?  then() is called once. */
void box_check_password(struct job *, const char *verifier,
    void (*then)(struct job *, bool same));
/* Its hash to j->box.verifier; answers by itself if it cannot be had. */
void box_hash_password(struct job *, void (*then)(struct job *));

#endif
