/*
 * msg_feed - the directory as admind feeds it to authd: rows of FEED_ROW.
 *
 * Decoders borrow from the payload; they fail on anything short, over a limit
 * or left over.  Names are lower case, domains A-labels.
 */
#ifndef LIBCOMMON_MSG_FEED_H
#define LIBCOMMON_MSG_FEED_H

#include "libcommon/buf.h"
#include "libcommon/msg_auth.h"

#define FEED_LIST_MAX 65535 /* bytes of an alias's list: all a TEXT holds */
#define FEED_ROW_MAX (FEED_LIST_MAX + 1024)
#define FEED_NAME_MAX 128 /* of an alias, a server */
#define FEED_LDAP_MAX 32  /* of an LDAP source's name */

/* A row's table; its id is the row's key in MariaDB.  The numbers stand in the
 * change journal: never another meaning. */
enum feed_table {
	FEED_DOMAIN = 1,
	FEED_MAILBOX = 2,
	FEED_CREDENTIAL = 3,
	FEED_ALIAS = 4,
	FEED_VIRTUAL = 5,
	FEED_SERVER = 6,
	FEED_TABLE__COUNT
};

struct feed_row {
	uint8_t table;
	uint32_t id;
	uint8_t put; /* 1: as given; 0: gone, bytes empty */
	struct span bytes;
};

/* wire: u8 local, u32 server, u32 client, text name, text ldap */
struct feed_domain {
	uint8_t local; /* lives on this server */
	uint32_t server, client;
	struct span name;
	struct span
	    ldap; /* the LDAP source of its passwords; "": its server's */
};

/* wire: u32 domain, u32 uid, u8 state, u64 quota_kb, text login, text short */
struct feed_mailbox {
	uint32_t domain;
	uint32_t uid;
	uint8_t state; /* enum box_state */
	uint64_t quota_kb;
	struct span login;       /* the part before @ */
	struct span short_login; /* "": none */
};

/* wire: u32 mailbox, u8 kind, u32 services, text verifier */
struct feed_credential {
	uint32_t mailbox;
	uint8_t kind;      /* enum credential_kind */
	uint32_t services; /* bits 1 << enum service; 0 all */
	struct span verifier;
};

enum credential_kind {
	CREDENTIAL_PASSWORD = 1, /* "$argon2id$..." */
	CREDENTIAL_APP = 2,      /* the same, for one device */
	CREDENTIAL_IMPORTED =
	    3, /* another system's form; better at next login */
};

/* wire: u32 server, u32 domain, text name, text list */
struct feed_alias {
	uint32_t server;
	uint32_t domain; /* that owns it; 0: the administrator's */
	struct span name;
	struct span list; /* addresses and names, separated by commas */
};

/* wire: u32 domain, text user, text real_user, text real_domain, u32 alias,
 * u32 mailbox */
struct feed_virtual {
	uint32_t domain;
	struct span user; /* "": all mail to the domain */
	struct span real_user;
	struct span real_domain; /* "": alias or mailbox says who */
	uint32_t alias;          /* 0: none */
	uint32_t mailbox;        /* 0: none */
};

/* wire: u8 here, u8 type, u8 logins, text name, text ldap */
struct feed_server {
	uint8_t here;   /* it is this server */
	uint8_t type;   /* enum server_type */
	uint8_t logins; /* enum server_logins */
	struct span name;
	struct span ldap; /* its LDAP source; "": none */
};
/* In the order of the ENUMs in schema/. */
enum server_type { SERVER_POP = 1, SERVER_IMAP = 2 };
enum server_logins { LOGINS_WITH_DOMAIN = 1, LOGINS_SHORT = 2 };

/* AUTH_BETTER, the other way: a verifier whose password was right, and
 * Argon2id of the same password to be stored in its place.
 * wire: u32 credential, text verifier, text better */
struct feed_better {
	uint32_t credential;
	struct span verifier;
	struct span better;
};

void feed_row_put(struct buf *, const struct feed_row *);
int feed_row_get(struct span, struct feed_row *out);
void feed_domain_put(struct buf *, const struct feed_domain *);
int feed_domain_get(struct span, struct feed_domain *out);
void feed_mailbox_put(struct buf *, const struct feed_mailbox *);
int feed_mailbox_get(struct span, struct feed_mailbox *out);
void feed_credential_put(struct buf *, const struct feed_credential *);
int feed_credential_get(struct span, struct feed_credential *out);
void feed_alias_put(struct buf *, const struct feed_alias *);
int feed_alias_get(struct span, struct feed_alias *out);
void feed_virtual_put(struct buf *, const struct feed_virtual *);
int feed_virtual_get(struct span, struct feed_virtual *out);
void feed_server_put(struct buf *, const struct feed_server *);
int feed_server_get(struct span, struct feed_server *out);
void feed_better_put(struct buf *, const struct feed_better *);
int feed_better_get(struct span, struct feed_better *out);

#endif
