/*
 * msg_auth - what the others ask authd.  What admind feeds it: msg_feed.h.
 */
#ifndef LIBCOMMON_MSG_AUTH_H
#define LIBCOMMON_MSG_AUTH_H

#include "libcommon/buf.h"

#define LOGIN_MAX 320    /* bytes of a login name */
#define PASSWORD_MAX 256 /* bytes of a password (DI-1 stores a hash) */
#define TICKET_BYTES 16
#define GRANT_KEY_BYTES 32
#define GRANT_MAX 65536
#define TARGETS_MAX 1000 /* final targets of one recipient */
#define VERIFIER_MAX 512

/* The answer to "may mail for this address come in?" (SM-3). */
enum rcpt_verdict {
	RCPT_OK,       /* the grant says where it goes */
	RCPT_NO_USER,  /* our domain, no such address: 550 5.1.1 */
	RCPT_NOT_OURS, /* not a domain of ours: 550/554 5.7.1 unless authed */
	RCPT_FULL,     /* over quota: 452 4.2.2 */
	RCPT_TEMP,     /* not known now: 451 4.3.0 */
	RCPT_TOO_MANY, /* more than TARGETS_MAX: 451 4.3.5 */
	RCPT__COUNT
};

/* Where a recipient's mail finally goes. */
enum target_kind {
	TARGET_MAILBOX = 1, /* mailbox number */
	TARGET_REMOTE = 2,  /* address elsewhere */
};

struct target {
	uint8_t kind;
	uint32_t mailbox;    /* TARGET_MAILBOX */
	struct span address; /* the canonical address; never empty */
};

/*
 * A grant is authd's word, carried by smtpd and believed by queued: the final
 * targets of one recipient address under a keyed MAC.  smtpd can neither make
 * nor change one.  semaild makes the key at its start and gives it to authd
 * and queued only; a grant with a bad MAC is ignored (queued then asks authd).
 *
 * bytes: targets, raw[16] mac, where mac is libsodium's crypto_generichash over
 * (text rcpt address, the bytes before it) with the key.
 */
struct grant {
	unsigned n;
	struct target targets[TARGETS_MAX];
};

void grant_put(struct buf *, const unsigned char key[static GRANT_KEY_BYTES],
    struct span rcpt, const struct grant *);
/* 0, or -1 with EBADMSG (form) or EPERM (MAC). */
int grant_get(struct span bytes,
    const unsigned char key[static GRANT_KEY_BYTES], struct span rcpt,
    struct grant *out);
/*
 * The list alone, in grants and in records on disk: u8 n (255: then u16 n),
 * n*(u8 kind, u32 mailbox, text address).  At most TARGETS_MAX.
 */
struct wire;
void targets_put(struct buf *, const struct target *, unsigned n);
unsigned targets_get_count(struct wire *);
void targets_get_one(struct wire *, struct target *out);

/* What a login is for; also who redeems a ticket. */
enum service {
	SERVICE_SMTP = 1,
	SERVICE_POP3 = 2,
	SERVICE_IMAP = 3,
	SERVICE_DELIVER = 4, /* box-worker only: local's channel */
	SERVICE_ERASE = 5,   /* box-worker only: remove a home */
	SERVICE_ADMIN = 6,   /* requests to admind, with the mailbox's own
	                      * password: not one of an application */
};

/* wire: text login, bytes password, u8 service, text remote */
struct msg_login {
	struct span login;
	struct span password;
	uint8_t service;
	struct span remote; /* client address, for the log and rate limits */
};

void msg_login_put(struct buf *, const struct msg_login *);
int msg_login_get(struct span, struct msg_login *out);

enum box_state {
	BOX_CREATING = 1,
	BOX_ACTIVE = 2,
	BOX_DELETING = 3,
	BOX_DISABLED = 4
};

/* How full mailboxes are.  wire: u32 n, n*u32 mailbox; u32 n, n*u64 bytes. */
#define USED_MAX 1000 /* of one request */
void msg_used_put(struct buf *, const uint32_t *mailbox, unsigned n);
int msg_used_get(struct span, uint32_t out[static USED_MAX], unsigned *n_out);
void msg_used_is_put(struct buf *, const uint64_t *bytes, unsigned n);
int msg_used_is_get(struct span, uint64_t out[static USED_MAX],
    unsigned *n_out);

/*
 * What spawnd must know of a mailbox, from authd's own store.
 * wire: u32 mailbox, u32 uid, u8 state, u64 quota_kb, u64 rights, text domain,
 * text login, text address
 */
struct msg_box {
	uint32_t mailbox;
	uint32_t uid;      /* also its gid */
	uint8_t state;     /* enum box_state */
	uint64_t quota_kb; /* 0: none */
	uint64_t rights;   /* another one: a session must end; 0: not known */
	char domain[256];  /* folder names under mail/: checked by */
	char login[65];    /* addr_is_folder_name() on decoding */
	char address[321];
};

void msg_box_put(struct buf *, const struct msg_box *);
int msg_box_get(struct span, struct msg_box *out);

#endif
