/*
 * msg_hook - SPAWN_HOOK and SPAWN_HOOKED: which hooks there are, what they are
 * told, how they ended.  See semail-hooks(7).
 */
#ifndef LIBCOMMON_MSG_HOOK_H
#define LIBCOMMON_MSG_HOOK_H

#include "libcommon/buf.h"

/* The names of hooks: no other file is ever run. */
extern const char *const hook_names[];
extern const unsigned nhook_names;
/* What admind may put into a hook's environment. */
extern const char *const hook_vars[];
extern const unsigned nhook_vars;

#define HOOK_VARS_MAX 16
#define HOOK_VALUE_MAX 1024
#define HOOK_SAID_MAX 200

int hook_by_name(struct span, unsigned *out); /* 0 or -1 */

/* wire: text hook, u32 n, n*(text name, text value) */
struct msg_hook {
	unsigned hook; /* of hook_names */
	unsigned n;
	struct {
		unsigned name; /* of hook_vars; each at most once */
		struct span value;
	} var[HOOK_VARS_MAX];
};

void msg_hook_put(struct buf *, const struct msg_hook *);
/* -1 for a name that is in no list, one twice, a control character. */
int msg_hook_get(struct span, struct msg_hook *out);
/* The value of a variable, or an empty one. */
struct span msg_hook_var(const struct msg_hook *, const char *name);

/* How it ended, when it is no exit status (0 to 255). */
enum {
	HOOK_SIGNAL = 256,  /* and the signal's number */
	HOOK_TIMEOUT = 512, /* killed at its time limit */
	HOOK_MISSING,       /* there is no such hook: nothing was to be done */
	HOOK_UNFIT,         /* it may not be run: said has the reason */
};

/* wire: u32 status, text output */
struct msg_hooked {
	uint32_t status;
	struct span said; /* the last line of its output, cleaned and cut */
};

void msg_hooked_put(struct buf *, const struct msg_hooked *);
int msg_hooked_get(struct span, struct msg_hooked *out);

#endif
