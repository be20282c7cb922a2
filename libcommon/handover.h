/*
 * handover - what semaild gives a role at its start and at a reload: its own
 * part of the configuration, and the names of the descriptors it inherits.
 *
 * It travels as a sealed memfd (wire.h): u32 version, role, instance, users,
 * then settings, blobs and descriptors by name.  Nothing in it comes from the
 * network; secrets go only to the roles conf.c names.
 */
#ifndef LIBCOMMON_HANDOVER_H
#define LIBCOMMON_HANDOVER_H

#include "libcommon/buf.h"
#include "libcommon/msg.h"

#include <sys/types.h>

/* A pair of certificate and key is some 10 KB with its chain: a thousand
 * domains fit. */
#define HO_MAX (16 * 1024 * 1024)
#define HO_CERTIFICATES_MAX (12 * 1024 * 1024)
#define HO_FDS_MAX 128
#define HO_SETTINGS_MAX 128

enum ho_fd_kind {
	HO_LISTENER, /* an Internet listener; name is its service */
	HO_EDGE,     /* a Unix listener; name is the peer's role name */
	HO_DIR       /* a directory; name is "queue", "mail", ... */
};

struct ho_fd {
	enum ho_fd_kind kind;
	int fd;
	char name[32];
};

struct ho_setting {
	char *name;          /* owned */
	unsigned char *data; /* owned; a NUL follows it */
	size_t len;
};

struct handover {
	enum role role;
	uint32_t instance, instances;
	uint8_t privileged;             /* drop to uid/gid, chroot */
	uint32_t uid, gid;              /* of this role */
	uint32_t role_uid[ROLE__COUNT]; /* who the peers run as */
	char dir[1024];                 /* the role's directory, absolute */
	struct ho_fd fds[HO_FDS_MAX];
	unsigned nfds;
	struct ho_setting settings[HO_SETTINGS_MAX];
	unsigned nsettings;
};

struct handover *ho_new(void); /* fatal without memory */
void ho_free(struct handover **);
void ho_add_fd(struct handover *, enum ho_fd_kind, const char *name, int fd);
void ho_set(struct handover *, const char *name, struct span value);
void ho_put(struct buf *, const struct handover *);
/* NULL with EBADMSG if the bytes are not a whole handover. */
struct handover *ho_get(struct span);

/* Values by name.  ho_has() is false for what was not handed over. */
bool ho_has(const struct handover *, const char *name);
const char *ho_str(const struct handover *, const char *name);
uint64_t ho_num(const struct handover *, const char *name);
bool ho_flag(const struct handover *, const char *name);
struct span ho_blob(const struct handover *, const char *name);

#endif
