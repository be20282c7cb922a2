#include "config.h"
#include "master/master.h"

/*
 * Started in this order; all listeners and edges exist before the first one
 * starts, so that the order is only for quickness.  Stopped by stop_order:
 * first who takes work from outside, last who everyone asks.
 */
/* clang-format off */
const struct role_info role_infos[] = {
	{ ROLE_AUTHD,  "semail-auth",  "auth",  "auth",  0700, true,  4 },
	{ ROLE_SPAWND, NULL,           "mail",  "mail",  0711, false, 3 },
	{ ROLE_QUEUED, "semail-queue", "queue", "queue", 0700, true,  2 },
	{ ROLE_ADMIND, "semail-admin", "exports", "exports", 0755, true,  1 },
	{ ROLE_LOCAL,  "semail-local", "mail",  "mail",  0711, false, 2 },
	{ ROLE_POP3D,  "semail-pop3",  NULL,    NULL,    0,    false, 0 },
	{ ROLE_SMTPD,  "semail-smtp",  NULL,    NULL,    0,    false, 0 },
};

/* Who listens to whom: run-dir/CLIENT/SERVER, for the client's user only. */
const struct edge edges[] = {
	{ ROLE_QUEUED, ROLE_SMTPD },
	{ ROLE_QUEUED, ROLE_LOCAL },
	{ ROLE_AUTHD,  ROLE_SMTPD },
	{ ROLE_AUTHD,  ROLE_QUEUED },
	{ ROLE_AUTHD,  ROLE_SPAWND },
	{ ROLE_AUTHD,  ROLE_POP3D },
	{ ROLE_AUTHD,  ROLE_ADMIND },
	{ ROLE_SPAWND, ROLE_ADMIND },
	{ ROLE_SPAWND, ROLE_POP3D },
	{ ROLE_SPAWND, ROLE_LOCAL },
};

const struct listen_info listen_infos[] = {
	{ "listen-smtp",        "smtp",        ROLE_SMTPD },
	{ "listen-submission",  "submission",  ROLE_SMTPD },
	{ "listen-submissions", "submissions", ROLE_SMTPD },
	{ "listen-pop3",        "pop3",        ROLE_POP3D },
	{ "listen-pop3s",       "pop3s",       ROLE_POP3D },
	{ "listen-admin",       "admin",       ROLE_ADMIND },
};
/* clang-format on */

const size_t nrole_infos = nitems(role_infos);
const size_t nedges = nitems(edges);
const size_t nlisten_infos = nitems(listen_infos);

const struct role_info *
role_info(enum role role)
{
	for (size_t i = 0; i < nrole_infos; i++)
		if (role_infos[i].role == role)
			return &role_infos[i];
	return NULL;
}
