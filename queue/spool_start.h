/*
 * spool_start - put the queue together again from what is on disk.
 */
#ifndef QUEUE_SPOOL_START_H
#define QUEUE_SPOOL_START_H

#include "queue/spool.h"

/* 0, or -1 with errno: then the queue must not be used. */
int spool_recover(struct spool *, const struct qlog_conf *);

/* For the files of the spool among themselves. */
void spool_state(struct spool *, enum rec_type, uint64_t id,
    struct span payload);
void spool_quarantine(struct spool *, uint64_t id);
void spool_remove_body(struct spool *, const struct qmsg *);

#endif
