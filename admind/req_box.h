/* req_box.h - what the requests about mailboxes (req_box*.c) share. */
#ifndef ADMIND_REQ_BOX_H
#define ADMIND_REQ_BOX_H

#include "admind/job.h"

/* The request's settings to j->set: those that are given (all where fields go
 * by position), but none of these bits.  false: it is answered. */
bool box_take_settings(struct job *, unsigned but);

#endif
