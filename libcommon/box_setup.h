/*
 * box_setup - what spawnd tells a worker at its start.
 */
#ifndef LIBCOMMON_BOX_SETUP_H
#define LIBCOMMON_BOX_SETUP_H

#include "libcommon/msg_auth.h"

/*
 * What a worker is told at its start, in a sealed memfd: its mailbox and
 * nothing of any other.
 * wire: bytes struct msg_box, text hostname, u32 received_limit,
 * u64 vacation_period_s, u32 quota_warning, u8 job, u8 debug
 */
enum box_job { BOX_SERVE = 1, BOX_ERASE = 2 };

struct box_setup {
	struct msg_box box;
	char hostname[256];
	uint32_t received_limit;    /* Received lines that make a loop */
	uint64_t vacation_period_s; /* who was answered is not, for so long */
	uint32_t quota_warning;     /* percent of the quota, 0: none */
	uint8_t job;                /* enum box_job */
	uint8_t debug;              /* log debug lines */
};

void box_setup_put(struct buf *, const struct box_setup *);
int box_setup_get(struct span, struct box_setup *out);

#endif
