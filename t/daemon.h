/*
 * daemon - a real daemon for a unit test, which takes the place of semaild and
 * of all the daemon's peers.
 *
 * One at a time: its handover is made with daemon_handover() and daemon_give(),
 * daemon_start() runs it.  All sockets are in daemon_dir.  What cannot be set up
 * ends the test ("Bail out!").
 */
#ifndef T_DAEMON_H
#define T_DAEMON_H

#include "libcommon/handover.h"
#include "libcommon/ipc.h"

#define DAEMON_WAIT_MS 20000

extern struct event_base *daemon_base;
extern struct ipc *daemon_control; /* as semaild; NULL: it is gone */
extern char daemon_dir[64];        /* a folder of the test's own */
extern char daemon_programs[4096]; /* the test's own folder, absolute */
extern int daemon_log_fd;          /* where it logs: 2, or what the test sets */
extern pid_t daemon_pid;           /* 0: none runs */

/* Once, first: which daemon; the folder, the loop, no SIGPIPE. */
void daemon_init(const char *argv0, enum role);
/* Last: kill it if it runs, remove the folder. */
void daemon_end(void);

/* Run the loop until what(arg) says yes, or the time is over: false. */
bool daemon_until(bool (*what)(void *), void *arg, uint64_t ms);
bool daemon_wait(bool (*what)(void)); /* DAEMON_WAIT_MS */
bool daemon_is_ready(void);           /* it has said so (CTL_READY) */
bool daemon_is_gone(void);            /* its control channel has ended */

/* A Unix socket daemon_dir/name that listens. */
int daemon_listen(const char *name);
/* Take the place of a peer that the daemon connects to. */
void daemon_serve(enum role as, const struct ipc_ops *);
/* Be a peer that connects to the daemon, again whenever it is cut off. */
struct ipc *daemon_call(enum role as, const struct ipc_ops *);

/* A handover for the only instance of it, all roles being this user. */
struct handover *daemon_handover(void);
/* A descriptor for the handover made last; it stays the caller's, who may close
 * it once the daemon is started. */
void daemon_give(struct handover *, enum ho_fd_kind, const char *name, int fd);
/* Run semail-ROLE out of the test's folder; frees the handover.  It is under
 * way: wait for daemon_is_ready(). */
void daemon_start(struct handover **);
/* Wait for its end: the status, as of waitpid(). */
int daemon_join(void);
int daemon_stop(int sig); /* the same, after a signal */

#endif
