/*
 * The installation key, state-dir/admin.key: made at the first start, read at
 * each, never replaced.  Panels know admind by a key that comes of it, and
 * what admind sealed in the database opens with no other.
 */
#include "config.h"
#include "client/coded.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "admin.key"
#define NAME_NEW "admin.key.new"

static int
state_dir(struct master *m)
{
	return open(conf_get(m->conf, "state-dir"),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What is wrong with the file, or NULL with the key in place. */
static const char *
key_take(struct master *m, int fd)
{
	static const unsigned char zero[INSTALL_KEY_BYTES];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return "it must be a file of who starts semaild, mode 0600";
	if (st.st_size != INSTALL_KEY_BYTES ||
	    io_read_all(fd, m->admin_key, sizeof(m->admin_key)) == -1 ||
	    secret_equal(m->admin_key, zero, sizeof(zero)))
		return "it is damaged; put it back from a backup: without it "
		       "panels' keys and sealed passwords are lost";
	return NULL;
}

int
master_key_read(struct master *m, void (*complain)(void *, const char *),
    void *arg)
{
	int dir = state_dir(m), fd = -1;
	const char *wrong = NULL;
	char text[4400];

	if (dir != -1)
		fd = openat(dir, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		wrong = key_take(m, fd);
	else if (errno != ENOENT)
		wrong = strerror(errno);
	m->have_admin_key = fd != -1 && wrong == NULL;
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	if (wrong == NULL)
		return 0;
	snprintf(text, sizeof(text), "%s/%s: %s",
	    conf_get(m->conf, "state-dir"), NAME, wrong);
	complain(arg, text);
	return -1;
}

/* Whole or not there, whatever happens meanwhile: nothing is given to anybody
 * before the folder is on the disk. */
static int
key_make(struct master *m, int dir)
{
	int fd, r;

	secret_random(m->admin_key, sizeof(m->admin_key));
	if (unlinkat(dir, NAME_NEW, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, NAME_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = io_write_all(fd, m->admin_key, sizeof(m->admin_key)) == -1 ||
	        fsync(fd) == -1
	    ? -1
	    : 0;
	close(fd);
	/* One that came meanwhile stays: the next start takes it. */
	if (r == -1 ||
	    renameat2(dir, NAME_NEW, dir, NAME, RENAME_NOREPLACE) == -1)
		return -1;
	return io_fsync_dir(dir);
}

int
master_key_make(struct master *m)
{
	int dir, r;

	if (m->have_admin_key)
		return 0;
	if ((dir = state_dir(m)) == -1) {
		log_warn("state-dir");
		return -1;
	}
	if ((r = key_make(m, dir)) == -1)
		log_warn("key path=%s/%s", conf_get(m->conf, "state-dir"),
		    NAME);
	else
		log_info("key made path=%s/%s", conf_get(m->conf, "state-dir"),
		    NAME);
	m->have_admin_key = r == 0;
	close(dir);
	return r;
}

/* ---- the local panel's key, for root and the group ------------------------- */

static int
write_line(struct master *m, int dir, const char *line)
{
	int fd, r;

	if (unlinkat(dir, NAME_NEW, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, NAME_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = io_write_all(fd, line, strlen(line)) == -1 ||
	        (m->privileged &&
	            (fchown(fd, 0, m->admin_gid) == -1 ||
	                fchmod(fd, 0640) == -1))
	    ? -1
	    : 0;
	close(fd);
	return r == -1 ? -1 : renameat(dir, NAME_NEW, dir, NAME);
}

int
master_key_publish(struct master *m)
{
	unsigned char server[CODED_KEY];
	char path[4096], text[CODED_KEY_STRING], line[CODED_KEY_STRING + 1];
	struct semail_key key = { .name = "local" };
	int dir, r = -1;

	install_key_derive(server, m->admin_key, INSTALL_SERVER);
	install_key_derive(key.secret, m->admin_key, INSTALL_LOCAL);
	semail_key_public(key.server, server);
	semail_key_format(&key, text);
	snprintf(line, sizeof(line), "%s\n", text);
	explicit_bzero(server, sizeof(server));
	explicit_bzero(&key, sizeof(key));
	if (master_path(m, "run-dir", "ctl", path, sizeof(path)) == -1)
		path[0] = '\0';
	dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir != -1)
		r = write_line(m, dir, line);
	if (r == -1)
		log_warn("key path=%s/%s", path, NAME);
	if (dir != -1)
		close(dir);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(line, sizeof(line));
	return r;
}
