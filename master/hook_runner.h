/*
 * hook_runner - the process that runs the administrator's hooks for spawnd.
 */
#ifndef MASTER_HOOK_RUNNER_H
#define MASTER_HOOK_RUNNER_H

#include "libcommon/buf.h"

#define HOOK_ENV_MAX 24

struct hook_order {
	uint32_t timeout_ms;
	const char *dir;  /* hook-dir */
	const char *user; /* hook-user */
	bool change_user;
	uint32_t hook;     /* of hook_names (msg_hook.h) */
	const char *audit; /* SEMAIL_AUDIT_ID, for the log */
	unsigned nenv;
	const char *env[HOOK_ENV_MAX]; /* NAME=value */
};

/* Fork it, while it may still run anything.  Our end of its socket, one
 * datagram an order, answered by one (struct msg_hooked).  Or fatal(). */
int hook_runner_start(void);
void hook_order_put(struct buf *, const struct hook_order *);

#endif
