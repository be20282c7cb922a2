#include "config.h"
#include "master/spawnd.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMOVED ".removed"

/* Keep errno over a close. */
static int
shut(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* A folder of ours below mail/, made if mode is not 0.  Whatever else has
 * that name is refused. */
static int
own_folder(int mail, const char *name, mode_t mode)
{
	struct stat st;
	int fd;

	if (mode != 0) {
		if (mkdirat(mail, name, mode) == 0) {
			if (io_fsync_dir(mail) == -1)
				return -1;
		} else if (errno != EEXIST) {
			return -1;
		}
	}
	fd = openat(mail, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return shut(fd);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
		errno = EPERM;
		return shut(fd);
	}
	/* The umask took bits away, or a crash came between. */
	if (mode != 0 && (st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		return shut(fd);
	return fd;
}

/*
 * Homes have nothing to do with one another: ask the file system to spread
 * them (chattr +T).  ext4 puts a file near its folder and all folders near
 * their parent, so that without this all mailboxes share one block group;
 * where many files were just deleted in it, finding a free inode cost ten
 * times what the delivery does.  Others ignore it.
 */
static void
spread(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == -1)
			log_debug("spread");
	}
}

static int
give(int fd, uid_t owner)
{
	if (fchown(fd, owner, owner) == -1 || fsync(fd) == -1)
		return -1;
	return 0;
}

int
home_make(const struct home *h)
{
	struct stat st;
	int dir, fd = -1, r = -1;

	if (h->account != NULL) {
		if ((fd = home_open(h)) == -1)
			return -1;
		close(fd);
		return 0;
	}
	if ((dir = own_folder(h->mail, h->domain, 0711)) == -1)
		return -1;
	spread(h->mail);
	spread(dir);
	if (mkdirat(dir, h->login, 0700) == -1 && errno != EEXIST)
		return shut(dir);
	if (fstatat(dir, h->login, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return shut(dir);
	if (S_ISDIR(st.st_mode) && st.st_uid == h->owner) {
		r = 0; /* made before */
	} else if (S_ISDIR(st.st_mode) && st.st_uid == geteuid()) {
		/* New, or left by a crash before it was given away: still
		 * ours, so nobody else has been inside. */
		fd = openat(dir, h->login,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd == -1 ? -1 : give(fd, h->owner);
	} else {
		errno = EPERM;
	}
	if (fd != -1)
		shut(fd);
	if (r == 0)
		r = io_fsync_dir(dir);
	shut(dir);
	return r;
}

static int
open_home(int dir, const char *name, uid_t owner, uid_t or_owner)
{
	struct stat st;
	int fd = openat(dir, name,
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return shut(fd);
	if (st.st_uid != owner && st.st_uid != or_owner) {
		errno = EPERM;
		return shut(fd);
	}
	return fd;
}

int
home_open(const struct home *h)
{
	int dir, fd;

	if (h->account != NULL)
		return open_home(AT_FDCWD, h->account, h->owner, h->owner);
	if ((dir = own_folder(h->mail, h->domain, 0)) == -1)
		return -1;
	fd = open_home(dir, h->login, h->owner, h->owner);
	shut(dir);
	return fd;
}

static void
removed_name(const struct home *h, char out[static 32])
{
	snprintf(out, 32, "%u-%u", h->mailbox, (unsigned)h->owner);
}

/*
 * Moving a folder to another parent changes its "..", for which its owner's
 * right is needed: it is ours while it moves, which also keeps its owner out.
 * A crash in between is found by either owner and finished.
 */
static int
move_aside(int dir, const char *login, int removed, const char *to, int fd)
{
	bool given = geteuid() == 0;

	if (given && fchownat(fd, "", 0, 0, AT_EMPTY_PATH) == -1)
		return -1;
	if (renameat2(dir, login, removed, to, RENAME_NOREPLACE) == -1)
		return -1;
	if (io_fsync_dir(removed) == -1 || io_fsync_dir(dir) == -1)
		return -1;
	return 0;
}

int
home_retire(const struct home *h)
{
	char name[32];
	int dir, removed, fd;

	removed_name(h, name);
	if ((removed = own_folder(h->mail, REMOVED, 0700)) == -1)
		return -1;
	dir = own_folder(h->mail, h->domain, 0);
	if (dir == -1 && errno != ENOENT)
		return shut(removed);
	fd = dir == -1 ? -1 : open_home(dir, h->login, h->owner, geteuid());
	if (fd != -1) {
		if (move_aside(dir, h->login, removed, name, fd) == -1) {
			shut(fd);
			shut(dir);
			return shut(removed);
		}
		close(fd);
	} else if (dir != -1 && errno != ENOENT) {
		shut(dir);
		return shut(removed);
	}
	if (dir != -1)
		close(dir);
	fd = open_home(removed, name, h->owner, geteuid());
	if (fd != -1 && h->owner != geteuid() &&
	    fchownat(fd, "", h->owner, h->owner, AT_EMPTY_PATH) == -1)
		fd = shut(fd);
	shut(removed);
	return fd;
}

int
home_drop(const struct home *h)
{
	int removed = own_folder(h->mail, REMOVED, 0), r;
	char name[32];

	if (removed == -1)
		return errno == ENOENT ? 0 : -1;
	removed_name(h, name);
	r = unlinkat(removed, name, AT_REMOVEDIR);
	if (r == -1 && errno == ENOENT)
		r = 0;
	if (r == 0)
		r = io_fsync_dir(removed);
	shut(removed);
	return r;
}
