/*
 * msg - every message the daemons may say to one another, declared once.
 *
 * name        in the log and in doc/ARCHITECTURE.md
 * sent by     roles that may send it (a set)
 * read by     roles that may read it (a set)
 * kind        REQ wants exactly one answer (REP or FAIL) with its id;
 *             NOTE wants none
 * fd          1: exactly one descriptor travels with it; 0: none;
 *             M: one or none, the payload says which
 * payload     field names in wire order (wire.h); the structures, encoders
 *             and decoders are in msg_queue.h, msg_auth.h, msg_box.h
 *
 * ipc refuses what this table does not allow: on sending that is our bug
 * (fatalx), on reading it costs the peer its channel.
 */
#ifndef LIBCOMMON_MSG_H
#define LIBCOMMON_MSG_H

#include <stdint.h>

/* A daemon, as configuration, sockets and the message table know it. */
enum role {
	ROLE_MASTER,
	ROLE_SPAWND,
	ROLE_QUEUED,
	ROLE_AUTHD,
	ROLE_ADMIND,
	ROLE_LOCAL,
	ROLE_SMTPD,
	ROLE_POP3D,
	ROLE_BOX,
	ROLE_CLI,
	ROLE__COUNT
};

#define R(role) (1u << ROLE_##role)
#define R_DAEMONS \
	(R(SPAWND) | R(QUEUED) | R(AUTHD) | R(ADMIND) | R(LOCAL) | R(SMTPD) | \
	    R(POP3D))

enum msg_kind { MSG_REQ, MSG_REP, MSG_NOTE };
enum msg_fd { FD_0, FD_1, FD_M };

/* clang-format off */
#define MSG_TABLE(X) \
	/* any request may be answered by FAIL: see enum fail */ \
	X(FAIL,         0xffffffffu, 0xffffffffu, REP, 0, "u16 fail, text reason") \
	/* control: semaild and each daemon, on the socketpair of its start */ \
	X(CTL_READY,    R_DAEMONS, R(MASTER), NOTE, 0, "") \
	X(CTL_RELOAD,   R(MASTER), R_DAEMONS, REQ,  1, "(fd: the role's part)") \
	X(CTL_GOOD,     R_DAEMONS, R(MASTER), REP,  0, "") \
	X(CTL_SWITCH,   R(MASTER), R_DAEMONS, NOTE, 0, "u8 use_it") \
	X(CTL_STOP,     R(MASTER), R_DAEMONS, NOTE, 0, "") \
	X(CTL_STATS,    R(MASTER), R_DAEMONS, REQ,  0, "") \
	X(CTL_STATS_IS, R_DAEMONS, R(MASTER), REP,  0, "u32 n, n*(text name, u64 value)") \
	/* the semail command and semaild */ \
	X(MASTER_STATUS,    R(CLI), R(MASTER), REQ, 0, "") \
	X(MASTER_STATUS_IS, R(MASTER), R(CLI), REP, 0, "text version, u32 n, n*(text role, u32 instance, u32 pid, text state, u32 restarts, u64 uptime_s, bytes CTL_STATS_IS)") \
	X(MASTER_RELOAD,    R(CLI), R(MASTER), REQ, 0, "") \
	X(MASTER_STOP,      R(CLI), R(MASTER), REQ, 0, "") \
	X(MASTER_OK,        R(MASTER), R(CLI), REP, 0, "text what") \
	/* smtpd hands mail to queued: msg_queue.h */ \
	X(QUEUE_SUBMIT,      R(SMTPD),  R(QUEUED), REQ,  0, "struct msg_submit") \
	X(QUEUE_ACCEPTED,    R(QUEUED), R(SMTPD),  REP,  0, "u64 queue_id") \
	X(QUEUE_BODY_OPEN,   R(SMTPD),  R(QUEUED), REQ,  0, "u64 size_hint") \
	X(QUEUE_BODY_OPENED, R(QUEUED), R(SMTPD),  REP,  1, "u64 body_token (fd: write end of a pipe)") \
	X(QUEUE_BODY_DROP,   R(SMTPD),  R(QUEUED), NOTE, 0, "u64 body_token") \
	/* queued gives work to local: msg_queue.h */ \
	X(LOCAL_CREDIT, R(LOCAL),  R(QUEUED), NOTE, 0, "u32 more") \
	X(DELIVER,      R(QUEUED), R(LOCAL),  REQ,  M, "struct msg_deliver") \
	X(DELIVERED,    R(LOCAL),  R(QUEUED), REP,  0, "struct msg_delivered") \
	/* the semail queue command: msg_queue.h */ \
	X(QUEUE_LIST,    R(CLI), R(QUEUED), REQ, 0, "u64 after_id, u32 max") \
	X(QUEUE_LIST_IS, R(QUEUED), R(CLI), REP, 0, "u32 n, n*struct msg_queue_row") \
	X(QUEUE_SHOW,    R(CLI), R(QUEUED), REQ, 0, "u64 queue_id") \
	X(QUEUE_SHOW_IS, R(QUEUED), R(CLI), REP, M, "struct msg_queue_row, bytes body, or its beginning (fd: the rest)") \
	/* what authd knows: msg_auth.h */ \
	X(AUTH_RCPT,      R(SMTPD) | R(QUEUED), R(AUTHD), REQ, 0, "text address") \
	X(AUTH_RCPT_IS,   R(AUTHD), R(SMTPD) | R(QUEUED), REP, 0, "u8 verdict, bytes grant") \
	X(AUTH_LOGIN,     R(SMTPD) | R(POP3D) | R(ADMIND), R(AUTHD), REQ, 0, "struct msg_login") \
	X(AUTH_LOGIN_IS,  R(AUTHD), R(SMTPD) | R(POP3D) | R(ADMIND), REP, 0, "u32 mailbox, text address, raw[16] ticket") \
	X(AUTH_SENDER,    R(SMTPD), R(AUTHD), REQ, 0, "u32 mailbox, text reverse_path") \
	X(AUTH_SENDER_IS, R(AUTHD), R(SMTPD), REP, 0, "u8 may_use") \
	X(AUTH_REDEEM,    R(SPAWND), R(AUTHD), REQ, 0, "raw[16] ticket, u8 service") \
	X(AUTH_BOX,       R(SPAWND), R(AUTHD), REQ, 0, "u32 mailbox") \
	X(AUTH_BOX_IS,    R(AUTHD), R(SPAWND), REP, 0, "struct msg_box") \
	X(AUTH_USAGE,     R(SPAWND), R(AUTHD), NOTE, 0, "u32 mailbox, u64 bytes") \
	X(AUTH_REVOKED,   R(AUTHD), R(SPAWND), NOTE, 0, "u32 mailbox") \
	/* admind feeds authd: msg_auth.h */ \
	X(FEED_STATE,    R(ADMIND), R(AUTHD), REQ,  0, "") \
	X(FEED_STATE_IS, R(AUTHD), R(ADMIND), REP,  0, "u64 directory, u64 journal, u8 complete") \
	X(FEED_BEGIN,    R(ADMIND), R(AUTHD), NOTE, 0, "u64 directory: a full load follows") \
	X(FEED_ROW,      R(ADMIND), R(AUTHD), NOTE, 0, "u8 table, u32 id, u8 put, bytes row") \
	X(FEED_COMMIT,   R(ADMIND), R(AUTHD), REQ,  0, "u64 from, u64 journal") \
	X(FEED_DONE,     R(AUTHD), R(ADMIND), REP,  0, "") \
	X(AUTH_BETTER,   R(AUTHD), R(ADMIND), NOTE, 0, "u32 credential, text verifier, text better") \
	X(AUTH_USED,     R(ADMIND), R(AUTHD), REQ,  0, "u32 n, n*u32 mailbox") \
	X(AUTH_USED_IS,  R(AUTHD), R(ADMIND), REP,  0, "u32 n, n*u64 bytes") \
	/* homes and workers: msg_box.h, msg_copy.h */ \
	X(SPAWN_HOME,    R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox") \
	X(SPAWN_REMOVE,  R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox") \
	X(SPAWN_SETTINGS, R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox, struct msg_settings") \
	X(SPAWN_PURGE,   R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox, u64 before_s, u8 dry_run") \
	X(SPAWN_PURGED,  R(SPAWND), R(ADMIND), REP, 0, "u64 messages, u64 bytes") \
	X(SPAWN_BACKUP,  R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox, u64 session, u64 at") \
	X(SPAWN_RESTORE, R(ADMIND), R(SPAWND), REQ, 0, "u32 mailbox, struct msg_restore") \
	X(SPAWN_COPIED,  R(SPAWND), R(ADMIND), REP, 0, "struct msg_copied") \
	X(SPAWN_HOOK,    R(ADMIND), R(SPAWND), REQ, 0, "text hook, u32 n, n*(text name, text value)") \
	X(SPAWN_HOOKED,  R(SPAWND), R(ADMIND), REP, 0, "u32 status, text output") \
	X(SPAWN_ATTACH,  R(POP3D),  R(SPAWND), REQ, 1, "raw[16] ticket, u8 service, text remote (fd: the session)") \
	X(SPAWN_OK,      R(SPAWND), R(ADMIND) | R(POP3D), REP, 0, "") \
	X(SPAWN_DELIVER, R(LOCAL),  R(SPAWND), REQ, 0, "u32 mailbox") \
	X(SPAWN_CHANNEL, R(SPAWND), R(LOCAL),  REP, 1, "(fd: a channel to the worker)") \
	/* spawnd and a worker, on the socketpair of its start */ \
	X(BOX_ATTACH, R(SPAWND), R(BOX), NOTE, 1, "u8 service, text remote") \
	X(BOX_IDLE,   R(BOX), R(SPAWND), NOTE, 0, "u32 attached: sessions taken so far") \
	X(BOX_EXIT,   R(SPAWND), R(BOX), NOTE, 0, "") \
	X(BOX_USAGE,  R(BOX), R(SPAWND), NOTE, 0, "u64 bytes") \
	X(BOX_QUOTA,    R(SPAWND), R(BOX), NOTE, 0, "u64 quota_kb: changed") \
	X(BOX_SETTINGS, R(SPAWND), R(BOX), REQ,  0, "struct msg_settings") \
	X(BOX_DONE,     R(BOX), R(SPAWND), REP,  0, "") \
	X(BOX_PURGE,    R(SPAWND), R(BOX), REQ,  0, "u64 before_s, u8 dry_run") \
	X(BOX_PURGED,   R(BOX), R(SPAWND), REP,  0, "u64 messages, u64 bytes") \
	X(BOX_BACKUP,   R(SPAWND), R(BOX), REQ,  0, "u64 session, u64 at") \
	X(BOX_RESTORE,  R(SPAWND), R(BOX), REQ,  0, "struct msg_restore") \
	X(BOX_COPIED,   R(BOX), R(SPAWND), REP,  0, "struct msg_copied") \
	/* local and a worker, on the channel spawnd made */ \
	X(BOX_WRITE,     R(LOCAL), R(BOX), REQ, M, "struct msg_deliver") \
	X(BOX_WRITTEN,   R(BOX), R(LOCAL), REP, 0, "struct msg_written") \
	X(BOX_PUBLISH,   R(LOCAL), R(BOX), REQ, 0, "u32 n, n*u64 queue_id") \
	X(BOX_PUBLISHED, R(BOX), R(LOCAL), REP, 0, "u32 n, n*u64 queue_id now in new/")
/* clang-format on */

enum msg_type {
#define X(name, sent_by, read_by, kind, fd, payload) MSG_##name,
	MSG_TABLE(X)
#undef X
	    MSG__COUNT
};

/* Why a request failed; the reader decides by this, people read the text. */
enum fail {
	FAIL_TEMP,   /* trouble of ours or not known now: try again later */
	FAIL_DENIED, /* wrong password, ticket or right */
	FAIL_NONE,   /* there is no such thing */
	FAIL_FULL,   /* no room: disk, log, quota, too many */
	FAIL_BUSY,   /* in use by another session */
	FAIL_BAD,    /* the request makes no sense */
	FAIL__COUNT
};

struct msg_info {
	const char *name;
	uint32_t sent_by, read_by;
	enum msg_kind kind;
	enum msg_fd fd;
	const char *payload;
};

/* The row of a type, or NULL for a number that names none. */
const struct msg_info *msg_info(unsigned type);
const char *role_name(enum role); /* "smtpd": also folder and socket names */
int role_by_name(const char *, enum role *out);

#endif
