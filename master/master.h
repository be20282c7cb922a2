/*
 * master - what the files of semaild share.
 *
 * semaild is root and reads nothing a stranger sent: the configuration, its
 * children's control sockets, and the semail command on its own socket.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "libcommon/conf.h"
#include "libcommon/install_key.h"
#include "libcommon/ipc.h"

#include <sys/types.h>

struct event;
struct event_base;

#define INSTANCES_MAX 64
#define LISTENERS_MAX 64

/* ---- roles.c: who there is ------------------------------------------- */

struct role_info {
	enum role role;
	const char *user;     /* Unix user and group; NULL: root */
	const char *dir;      /* its folder under state-dir, or NULL */
	const char *dir_name; /* what the role calls it */
	mode_t dir_mode;
	bool dir_owned;      /* by the role's user; else by root */
	unsigned stop_order; /* lower ones are stopped first */
};

extern const struct role_info role_infos[];
extern const size_t nrole_infos;
#define DB_USER "semail-db"
#define ADMIN_GROUP "semail-admin"

struct edge {
	enum role server, client;
};

extern const struct edge edges[];
extern const size_t nedges;

struct listen_info {
	const char *setting; /* "listen-smtp" */
	const char *service; /* "smtp" */
	enum role role;
};

extern const struct listen_info listen_infos[];
extern const size_t nlisten_infos;

const struct role_info *role_info(enum role);

/* ---- the running whole ------------------------------------------------ */

enum child_state {
	CHILD_DOWN,     /* waiting for its restart */
	CHILD_STARTING, /* runs, has not said it is ready */
	CHILD_READY,
	CHILD_STOPPING,
	CHILD_ENDED /* and shall not come back */
};

struct listener {
	const struct listen_info *info;
	char where[128];       /* as written in the configuration */
	int fd[INSTANCES_MAX]; /* one an instance of the role */
};

struct child {
	struct master *master;
	const struct role_info *info; /* NULL: mariadbd */
	unsigned instance, instances;
	pid_t pid;
	enum child_state state;
	struct ipc *control;
	uint64_t started_ms;
	unsigned restarts, backoff_ms;
	struct event *timer;
	/* answers under way */
	int verdict; /* of a reload: 0 none yet, 1 good, -1 bad */
	struct buf stats;
};

struct master {
	struct event_base *base;
	const char *conf_path;
	char libexec[1024];
	struct conf *conf;
	struct certs *certs; /* the last good ones */
	bool privileged, debug;
	uint32_t only; /* roles to run; 0: all */
	int log_fd;
	uid_t uid[ROLE__COUNT];
	gid_t gid[ROLE__COUNT];
	uid_t db_uid;
	gid_t db_gid, admin_gid;
	struct listener listeners[LISTENERS_MAX];
	unsigned nlisteners;
	int edge_fd[32];         /* by index into edges[] */
	int ctl_fd[ROLE__COUNT]; /* run-dir/ctl/SERVER */
	int dir_fd[ROLE__COUNT];
	unsigned char grant_key[32];
	unsigned char admin_key[INSTALL_KEY_BYTES];
	bool have_admin_key;
	struct child children[ROLE__COUNT + INSTANCES_MAX];
	unsigned nchildren;
	bool stopping;
	unsigned stop_stage;
	uint64_t stop_until_ms; /* then who is left is killed */
	struct event *stop_timer;
};

/* ---- bind.c: folders, listeners, edges; all before anything starts ---- */

/* Look up the users; -1 after complaining. */
int master_users(struct master *, void (*complain)(void *, const char *),
    void *);
int master_folders(struct master *);
int master_listen(struct master *);
int master_edges(struct master *);
unsigned smtp_processes(const struct conf *); /* 1 to INSTANCES_MAX */
/* run-dir/NAME or state-dir/NAME; -1 with ENAMETOOLONG. */
int master_path(const struct master *, const char *setting, const char *name,
    char *out, size_t size);

/* ---- admin_key.c: the installation key, for admind only ----------------- */

/* Take what is there: 0 (also when there is none yet), or -1 after
 * complaining. */
int master_key_read(struct master *, void (*complain)(void *, const char *),
    void *);
/* Make it if there is none; state-dir is there. */
int master_key_make(struct master *);
/* run-dir/ctl/admin.key: the key of the panel "local", by which the semail
 * command reaches admind. */
int master_key_publish(struct master *);

/* ---- hooks.c: the administrator's hooks ---------------------------------- */

/* The hooks there are, with commas between them; -1 after complaining of one
 * that could not be run. */
int hooks_find(const struct master *, const struct conf *, struct buf *out,
    void (*complain)(void *, const char *), void *);

/* ---- accounts.c: Unix accounts as mailboxes -------------------------------- */

/* The lines of libcommon/accounts.h for unix-accounts; -1 after complaining of
 * each that cannot be one. */
int accounts_find(const struct master *, const struct conf *, struct buf *out,
    void (*complain)(void *, const char *), void *);

/* ---- certs.c: certificates and keys --------------------------------------- */

struct certs;

/* All that the configuration names; NULL after complaining.  warn is told what
 * does not stop it. */
struct certs *certs_read(const struct conf *,
    void (*complain)(void *, const char *), void (*warn)(void *, const char *),
    void *arg);
void certs_free(struct certs **);
bool certs_are_for(enum role);
/* To a role they are not for: nothing. */
void certs_hand_over(const struct certs *, struct handover *);
/* From now on renewed ones are taken: into m->certs, and by the daemons. */
void certs_watch(struct master *);

/* ---- child.c: starting, restarting, stopping --------------------------- */

void child_start(struct child *);
/* A handover for this role as the configuration has it now; NULL after
 * complaining. */
struct handover *child_handover(struct child *, const struct conf *,
    const struct certs *, void (*complain)(void *, const char *), void *);
void child_ended(struct child *, int wait_status);
void master_add_children(struct master *);
void master_stop(struct master *);
void master_stop_next(struct master *); /* after each end while stopping */
const char *child_name(const struct child *);
const char *child_state_name(enum child_state);

/* ---- reload.c ---------------------------------------------------------- */

/* done(arg, NULL) when all have switched, done(arg, reason) when nothing
 * changed. */
void master_reload(struct master *, void (*done)(void *, const char *), void *);

/* The same with the configuration there is, for the daemons that show
 * certificates: they get those of m->certs. */
void master_renew(struct master *, void (*done)(void *, const char *), void *);
bool master_reloads(void); /* is one of the two under way? */

/* ---- ctl.c: the semail command ----------------------------------------- */

void master_ctl_listen(struct master *);

/* ---- database.c: the private mariadbd ---------------------------------- */

bool database_is_private(const struct conf *);
/* What is wrong with an external one; ho is admind's.  0 or -1. */
int database_check(const struct conf *, const struct handover *ho,
    void (*complain)(void *, const char *), void *arg);
/* In the child, as root: become the database.  Never returns. */
void database_exec(const struct master *) __attribute__((noreturn));

#endif
