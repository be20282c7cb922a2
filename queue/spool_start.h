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
/* A message into the batch; it is on no list but in_log.  NULL with errno.
 * *payload_out gets the record's payload. */
struct qmsg *spool_put(struct spool *, uint64_t id, const struct envelope *,
    struct span body, struct span *payload_out);
/* The last spool_put() has not happened. */
void spool_unput(struct spool *, struct qmsg *, size_t batch_len);
/* A target of a message in deferred/ is done, as spool_done(). */
bool spool_deferred_done(struct spool *, struct qmsg *, struct qtarget *,
    struct span status);

/* spool_act.c: what the batch holds of it was written; is to be written again,
 * the record of id from at on; is durable. */
void spool_act_written(struct spool *, struct seg *, uint64_t off);
void spool_act_unwritten(struct spool *);
void spool_act_again(struct spool *, uint64_t id, size_t payload_end);
void spool_act_synced(struct spool *);
void spool_act_free(struct spool *);
void spool_quarantine(struct spool *, uint64_t id);
void spool_remove_body(struct spool *, const struct qmsg *);

#endif
