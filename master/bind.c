#include "config.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "master/master.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

int
master_path(const struct master *m, const char *setting, const char *name,
    char *out, size_t size)
{
	int n = snprintf(out, size, "%s/%s", conf_get(m->conf, setting), name);

	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* ---- users ------------------------------------------------------------- */

static int
find_user(const char *name, uid_t *uid, gid_t *gid,
    void (*complain)(void *, const char *), void *arg)
{
	const struct passwd *pw = getpwnam(name);
	char why[256];

	if (pw == NULL || pw->pw_uid == 0) {
		snprintf(why, sizeof(why),
		    "there is no user %s; make it: useradd --system --no-create-home "
		    "--shell /usr/sbin/nologin %s",
		    name, name);
		complain(arg, why);
		return -1;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

int
master_users(struct master *m, void (*complain)(void *, const char *),
    void *arg)
{
	int r = 0;

	for (size_t i = 0; i < ROLE__COUNT; i++) {
		m->uid[i] = m->privileged ? 0 : geteuid();
		m->gid[i] = m->privileged ? 0 : getegid();
	}
	m->db_uid = m->admin_gid = geteuid();
	m->db_gid = getegid();
	if (!m->privileged)
		return 0;
	for (size_t i = 0; i < nrole_infos; i++) {
		const struct role_info *ri = &role_infos[i];

		if (ri->user != NULL &&
		    find_user(ri->user, &m->uid[ri->role], &m->gid[ri->role],
		        complain, arg) == -1)
			r = -1;
	}
	m->admin_gid = m->gid[ROLE_ADMIND];
	if (database_is_private(m->conf) &&
	    find_user(DB_USER, &m->db_uid, &m->db_gid, complain, arg) == -1)
		r = -1;
	return r;
}

/* ---- folders ------------------------------------------------------------ */

/* Make the folder if need be, and make it what it must be; never through a
 * link, never one that belongs to somebody else. */
static int
folder(struct master *m, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;
	int fd;

	if (mkdir(path, mode) == -1 && errno != EEXIST) {
		log_warn("mkdir path=%s", path);
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		log_warn("folder path=%s", path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (st.st_uid != uid && st.st_uid != geteuid()) {
		log_warnx("folder path=%s belongs to uid=%ld, not to uid=%ld",
		    path, (long)st.st_uid, (long)uid);
		close(fd);
		return -1;
	}
	if ((m->privileged && (st.st_uid != uid || st.st_gid != gid) &&
	        fchown(fd, uid, gid) == -1) ||
	    ((st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)) {
		log_warn("folder path=%s", path);
		close(fd);
		return -1;
	}
	return fd;
}

/* state-dir and run-dir: made with all that leads to them. */
static int
folder_top(struct master *m, const char *path)
{
	char part[4096];
	struct stat st;
	int n;

	for (const char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		n = snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (n < 0 || (size_t)n >= sizeof(part))
			return -1;
		if (mkdir(part, 0755) == -1 && errno != EEXIST &&
		    errno != EROFS && errno != EACCES) {
			log_warn("mkdir path=%s", part);
			return -1;
		}
	}
	/* One that is there already stays as its owner made it. */
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if ((n = folder(m, path, geteuid(), getegid(), 0755)) == -1)
		return -1;
	close(n);
	return 0;
}

int
master_folders(struct master *m)
{
	char path[4096];
	int fd;

	if (folder_top(m, conf_get(m->conf, "state-dir")) == -1 ||
	    folder_top(m, conf_get(m->conf, "run-dir")) == -1)
		return -1;
	for (size_t i = 0; i < nrole_infos; i++) {
		const struct role_info *ri = &role_infos[i];
		uid_t uid = ri->dir_owned ? m->uid[ri->role] : geteuid();
		gid_t gid = ri->dir_owned ? m->gid[ri->role] : getegid();

		m->dir_fd[ri->role] = -1;
		if (master_path(m, "run-dir", role_name(ri->role), path,
		        sizeof(path)) == -1)
			return -1;
		fd = folder(m, path, geteuid(), m->gid[ri->role], 0750);
		if (fd == -1)
			return -1;
		close(fd);
		if (ri->dir == NULL)
			continue;
		if (master_path(m, "state-dir", ri->dir, path, sizeof(path)) ==
		    -1)
			return -1;
		fd = folder(m, path, uid, gid, ri->dir_mode);
		if (fd == -1)
			return -1;
		m->dir_fd[ri->role] = fd;
	}
	if (database_is_private(m->conf)) {
		/* The server makes its socket in a folder of admind's. */
		if (master_path(m, "run-dir", "admind/db", path,
		        sizeof(path)) == -1 ||
		    (fd = folder(m, path, m->db_uid, m->db_gid, 0711)) == -1)
			return -1;
		close(fd);
		if (master_path(m, "state-dir", "db", path, sizeof(path)) ==
		        -1 ||
		    (fd = folder(m, path, m->db_uid, m->db_gid, 0700)) == -1)
			return -1;
		close(fd);
	}
	if (master_path(m, "run-dir", "ctl", path, sizeof(path)) == -1 ||
	    (fd = folder(m, path, geteuid(), m->admin_gid, 0750)) == -1)
		return -1;
	close(fd);
	return 0;
}

/* ---- Internet listeners --------------------------------------------------- */

static int
parse_listen(const char *where, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	const char *colon = strrchr(where, ':');
	char host[64];
	uint64_t port;

	memset(ss, 0, sizeof(*ss));
	if (colon == NULL || span_u64(span_of(colon + 1), 65535, &port) == -1)
		return -1;
	if (where[0] == '[') {
		if (span_copy(span_from(where + 1, (size_t)(colon - where) - 2),
		        host, sizeof(host)) == -1 ||
		    inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
			return -1;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*in6);
		return 0;
	}
	if (span_copy(span_from(where, (size_t)(colon - where)), host,
	        sizeof(host)) == -1 ||
	    inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -1;
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	*len = sizeof(*in);
	return 0;
}

static bool
is_loopback(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
}

static int
listen_socket(const struct sockaddr_storage *ss, socklen_t len, bool shared)
{
	int on = 1, saved;
	int fd = socket(ss->ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (shared &&
	        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ==
	            -1) ||
	    (ss->ss_family == AF_INET6 &&
	        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ==
	            -1) ||
	    bind(fd, (const struct sockaddr *)ss, len) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

unsigned
smtp_processes(const struct conf *conf)
{
	uint64_t n = conf_get_num(conf, "smtp-processes");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (n == 0)
		n = cpus < 1 ? 1 : (uint64_t)cpus;
	return n > INSTANCES_MAX ? INSTANCES_MAX : (unsigned)n;
}

static int
master_listen_one(struct master *m, const struct listen_info *li,
    const char *where)
{
	unsigned n = li->role == ROLE_SMTPD ? smtp_processes(m->conf) : 1;
	struct sockaddr_storage ss;
	struct listener *l;
	socklen_t len;

	if (m->nlisteners == LISTENERS_MAX || parse_listen(where, &ss, &len)) {
		log_warnx("listen setting=%s address=%s cannot be used",
		    li->setting, where);
		return -1;
	}
	if (!m->privileged && !is_loopback(&ss)) {
		log_warnx("listen setting=%s address=%s: without root only "
		          "loopback addresses are used",
		    li->setting, where);
		return -1;
	}
	l = &m->listeners[m->nlisteners];
	l->info = li;
	snprintf(l->where, sizeof(l->where), "%s", where);
	/* One socket an instance: the kernel spreads connections over them,
	 * and no two processes wake for one. */
	for (unsigned i = 0; i < n; i++) {
		if ((l->fd[i] = listen_socket(&ss, len, n > 1)) == -1) {
			log_warn("listen setting=%s address=%s", li->setting,
			    where);
			return -1;
		}
	}
	m->nlisteners++;
	return 0;
}

int
master_listen(struct master *m)
{
	const char *where;

	for (size_t i = 0; i < nlisten_infos; i++)
		for (unsigned n = 0; (where = conf_get_nth(m->conf,
		                          listen_infos[i].setting, n)) != NULL;
		     n++)
			if (master_listen_one(m, &listen_infos[i], where) == -1)
				return -1;
	return 0;
}

/* ---- Unix listeners --------------------------------------------------------- */

/* A listening socket FOLDER/NAME for one user, whatever the path's length. */
static int
unix_listen(struct master *m, const char *folder_path, const char *name,
    uid_t uid, gid_t gid, mode_t mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int dir, fd = -1;

	dir = open(folder_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1)
		goto fail;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s", dir,
	    name);
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		goto fail;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    fchmodat(dir, name, mode, 0) == -1 ||
	    (m->privileged &&
	        fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) == -1) ||
	    listen(fd, BACKLOG) == -1)
		goto fail;
	close(dir);
	return fd;
fail:
	log_warn("socket path=%s/%s", folder_path, name);
	if (dir != -1)
		close(dir);
	if (fd != -1)
		close(fd);
	return -1;
}

int
master_edges(struct master *m)
{
	char path[4096];

	for (size_t i = 0; i < nedges; i++) {
		const struct edge *e = &edges[i];

		if (master_path(m, "run-dir", role_name(e->client), path,
		        sizeof(path)) == -1)
			return -1;
		m->edge_fd[i] = unix_listen(m, path, role_name(e->server),
		    m->uid[e->client], m->gid[e->client], 0600);
		if (m->edge_fd[i] == -1)
			return -1;
	}
	/* The semail command's: root's, and admind's for its group too. */
	if (master_path(m, "run-dir", "ctl", path, sizeof(path)) == -1)
		return -1;
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		m->ctl_fd[i] = -1;
	m->ctl_fd[ROLE_MASTER] = unix_listen(m, path, role_name(ROLE_MASTER),
	    geteuid(), getegid(), 0600);
	m->ctl_fd[ROLE_QUEUED] = unix_listen(m, path, role_name(ROLE_QUEUED),
	    geteuid(), getegid(), 0600);
	m->ctl_fd[ROLE_ADMIND] = unix_listen(m, path, role_name(ROLE_ADMIND),
	    geteuid(), m->admin_gid, 0660);
	return m->ctl_fd[ROLE_MASTER] == -1 || m->ctl_fd[ROLE_QUEUED] == -1 ||
	        m->ctl_fd[ROLE_ADMIND] == -1
	    ? -1
	    : 0;
}
