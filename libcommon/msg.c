#include "config.h"
#include "libcommon/msg.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct msg_info infos[MSG__COUNT] = {
#define X(name, sent_by, read_by, kind, fd, payload) \
	[MSG_##name] = { #name, (sent_by), (read_by), MSG_##kind, FD_##fd, \
		payload },
	MSG_TABLE(X)
#undef X
};

static const char *const role_names[ROLE__COUNT] = {
	[ROLE_MASTER] = "semaild",
	[ROLE_SPAWND] = "spawnd",
	[ROLE_QUEUED] = "queued",
	[ROLE_AUTHD] = "authd",
	[ROLE_ADMIND] = "admind",
	[ROLE_LOCAL] = "local",
	[ROLE_SMTPD] = "smtpd",
	[ROLE_POP3D] = "pop3d",
	[ROLE_BOX] = "box-worker",
	[ROLE_CLI] = "cli",
};

const struct msg_info *
msg_info(unsigned type)
{
	return type < MSG__COUNT ? &infos[type] : NULL;
}

const char *
role_name(enum role role)
{
	return role_names[role];
}

int
role_by_name(const char *name, enum role *out)
{
	for (unsigned i = 0; i < ROLE__COUNT; i++) {
		if (strcmp(role_names[i], name) == 0) {
			*out = (enum role)i;
			return 0;
		}
	}
	errno = ENOENT;
	return -1;
}
