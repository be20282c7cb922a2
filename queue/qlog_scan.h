/*
 * qlog_scan - find the segments at start, tell their records in order, set
 * damaged bytes aside.
 */
#ifndef QUEUE_QLOG_SCAN_H
#define QUEUE_QLOG_SCAN_H

#include "queue/qlog.h"

/* Fills used and blank, generation, seq, last_id.  0, or -1 with errno. */
int qlog_load(struct qlog *, const struct qlog_ops *, void *arg);
void qlog_seg_free(struct seg *);

/* Keep bytes in quarantine/name; false if they were kept before or cannot be
 * (that is logged). */
bool quarantine_keep(int dirfd, const char *name, struct span);

#endif
