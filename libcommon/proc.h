/*
 * proc - how a daemon comes to life, gives up its rights, and ends.
 *
 * semaild starts a role with descriptor 3 = its control socket, 4 = its part
 * of the configuration (a sealed memfd: handover.h), and whatever listening
 * sockets and directories that part names.  A role calls, in this order:
 *
 *	proc_init()     log, options, take the handover
 *	...             nothing that reads a byte a stranger sent
 *	proc_drop()     its directory (chroot as root), its user, rlimits,
 *	                no-new-privileges, not dumpable
 *	ipc edges       proc_listen(), proc_connect(): after the drop, so that
 *	                SO_PEERCRED shows the role's user
 *	proc_confine()  Landlock and seccomp
 *	proc_loop()     tells semaild it is ready, runs until told to stop
 *
 * Run by hand with -d it stays in the foreground and logs debug lines:
 * it re-executes semaild -d -o ROLE, which prepares the same handover.
 */
#ifndef LIBCOMMON_PROC_H
#define LIBCOMMON_PROC_H

#include "libcommon/buf.h"
#include "libcommon/ipc.h"

#include <sys/types.h>

struct event_base;
struct handover;

/* Rights that remain after proc_confine(), a set. */
enum {
	CONFINE_ACCEPT = 1 << 0,  /* accept connections (any listener) */
	CONFINE_CONNECT = 1 << 1, /* make Unix sockets and connect them */
	CONFINE_FILES = 1 << 2,   /* open, rename, unlink ... under the handed
	                           * directories, nowhere else (Landlock) */
	CONFINE_INET = 1 << 3,    /* make Internet sockets and connect them */
	CONFINE_FORK = 1 << 4,    /* fork children of the same program, wait */
	CONFINE_EXEC = 1 << 5,    /* execute, change ids (spawnd) */
	CONFINE_THREADS = 1 << 6, /* start threads */
	CONFINE_NEST = 1 << 7,    /* a child may confine itself further */
	CONFINE_READ = 1 << 8,    /* read the files of its own directory */
};

struct proc {
	enum role role;
	unsigned instance;  /* 0 .. instances - 1 */
	unsigned instances; /* how many of this role run (smtpd) */
	struct event_base *base;
	struct handover *ho;
	bool privileged; /* started by root: users, chroot are real */
	/* below: for proc.c only */
	struct ipc *control;
	struct handover *candidate;
	const struct proc_ops *ops;
	bool stopping;
	int status;
};

/* What a role may want to hear; each may be NULL. */
struct proc_ops {
	/* A new configuration (conf_*() still answer from the old one; read
	 * the candidate with the ho_*() functions).  0, or -1 with a reason
	 * of at most 200 bytes put into why. */
	int (*check)(struct proc *, struct handover *, char why[static 201]);
	/* It holds now: read conf_*() again. */
	void (*reload)(struct proc *);
	/* Stop: finish what must be finished, then call proc_exit().  NULL
	 * stops at once.  semaild kills after 10 s. */
	void (*stop)(struct proc *);
	/* Add name, value pairs for semail status. */
	void (*stats)(struct proc *,
	    void (*add)(void *, const char *, uint64_t), void *);
};

void proc_init(struct proc *, enum role, const struct proc_ops *, int argc,
    char *argv[]);
void proc_drop(struct proc *);
void proc_confine(struct proc *, unsigned rights);
/* In a forked child that is no daemon of its own: wipe the configuration and
 * its secrets. */
void proc_forget(struct proc *);
int proc_loop(struct proc *);              /* the exit status */
void proc_exit(struct proc *, int status); /* makes proc_loop() return */

/* The configuration in force (names as in semail.conf(5)).  Asking for a
 * setting that conf.c does not give to this role is a bug: fatalx. */
const char *conf_str(const char *name);
uint64_t conf_num(const char *name); /* numbers, sizes (bytes), times (ms) */
bool conf_flag(const char *name);
/* Secrets and file contents (tls-certificate, tls-key, grant-key); an empty
 * span if not set. */
struct span conf_blob(const char *name);

/* A listening Internet socket handed to us; n counts from 0.  Returns -1 past
 * the last.  service is "smtp", "submission", "submissions", "pop3",
 * "pop3s".  The descriptor stays proc's. */
int proc_listener(struct proc *, unsigned n, const char **service_out);
/* A directory handed to us ("queue", "mail", "auth", "exports"): an open
 * O_RDONLY|O_DIRECTORY descriptor that stays proc's, or fatalx. */
int proc_dir(struct proc *, const char *name);

/* Our edges: serve a role; talk to a role (reconnects by itself). */
void proc_listen(struct proc *, enum role peer, const struct ipc_ops *,
    void *arg);
struct ipc *proc_connect(struct proc *, enum role peer, const struct ipc_ops *,
    void *arg);

/* The listening socket of an edge, for a protocol that is not ipc (admind's
 * requests from the semail command). */
int proc_edge_fd(struct proc *, enum role peer);

/* Where a channel's uid is checked against: the user a role runs as. */
uid_t proc_role_uid(struct proc *, enum role);

#endif
