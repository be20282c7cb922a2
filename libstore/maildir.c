#include "config.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"
#include "libcommon/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int
maildir_dir(int home, const char *dir, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s%s", MAILDIR, *dir ? "/" : "", dir);
	return store_sys.open(home, path, flags | O_DIRECTORY, 0);
}

int
maildir_make(int home)
{
	static const char *const dirs[] = { "tmp", "new", "cur" };
	int fd, saved;

	if (store_sys.mkdir(home, MAILDIR, 0700) == -1 && errno != EEXIST)
		return -1;
	if ((fd = maildir_dir(home, "", O_PATH)) == -1)
		return -1;
	for (size_t i = 0; i < nitems(dirs); i++) {
		if (store_sys.mkdir(fd, dirs[i], 0700) == -1 &&
		    errno != EEXIST) {
			saved = errno;
			store_sys.close(fd);
			errno = saved;
			return -1;
		}
	}
	store_sys.close(fd);
	return 0;
}

int
maildir_scan(int fd, int (*each)(void *, const char *, unsigned char),
    void *arg)
{
	struct dirent *de;
	DIR *dir;
	int saved, r = 0;

	if ((dir = fdopendir(fd)) == NULL) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	for (;;) {
		errno = 0;
		if ((de = readdir(dir)) == NULL) {
			if (errno != 0)
				r = -1;
			break;
		}
		if (de->d_name[0] != '.' &&
		    each(arg, de->d_name, de->d_type) == -1) {
			r = -1;
			break;
		}
	}
	saved = errno;
	closedir(dir);
	errno = saved;
	return r;
}

struct sweep {
	int tmp;
	uint64_t now_s;
};

static int
sweep_one(void *arg, const char *name, unsigned char type)
{
	const struct sweep *s = arg;
	struct stat st;

	(void)type;
	if (fstatat(s->tmp, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    S_ISDIR(st.st_mode))
		return 0;
	/* A clock that jumped back makes files young: they stay longer. */
	if (st.st_mtime > 0 &&
	    (uint64_t)st.st_mtime + MAILDIR_STALE_S < s->now_s)
		store_sys.unlink(s->tmp, name);
	return 0;
}

void
maildir_sweep(int home, uint64_t now_s)
{
	struct sweep s = { maildir_dir(home, "tmp", O_RDONLY), now_s };

	if (s.tmp != -1)
		maildir_scan(s.tmp, sweep_one, &s);
}

static void
maildir_free(struct folder *f)
{
	struct maildir *m = (struct maildir *)f;

	if (m->cur != -1)
		close(m->cur);
	if (m->new != -1)
		close(m->new);
	maildir_forget_dirs(m);
	idset_clear(&m->ids);
	free(m);
}

static const struct folder_ops ops = {
	.list = maildir_list,
	.measure = maildir_measure,
	.see = maildir_see,
	.read = maildir_read,
	.remove = maildir_remove,
	.write = maildir_write,
	.look = maildir_look,
	.publish = maildir_publish,
	.discard = maildir_discard,
	.has = maildir_has,
	.free = maildir_free,
};

struct folder *
maildir_open(int home, const char *host)
{
	struct maildir *m;

	if (maildir_make(home) == -1)
		return NULL;
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->f.ops = &ops;
	m->f.home = home;
	m->cur = m->new = m->to[0] = m->to[1] = -1;
	maildir_host(host, m->host);
	maildir_sweep(home, io_wall_s());
	return &m->f;
}
