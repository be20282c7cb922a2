#include "config.h"
#include "libstore/purge.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define CLAIM_MAX ((uint64_t)1 << 40) /* a name may claim anything */

static const char *const subs[] = { "new", "cur" };

static void
note(struct purge *p)
{
	if (p->err == 0)
		p->err = errno;
}

static DIR *
open_dir(int at, const char *path)
{
	int fd = store_sys.open(at, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	int saved = errno;

	if (d == NULL && fd != -1)
		store_sys.close(fd);
	errno = saved;
	return d;
}

/* One message: was it deleted (or counted)? */
static bool
purge_file(struct purge *p, const char *name)
{
	uint64_t bytes, octets;
	struct stat st;
	int at = dirfd(p->dir);

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			note(p);
		return false;
	}
	/* The time of the file is when the message came here: programs that
	 * copy messages keep it (and IMAP's internal date is the same). */
	if (!S_ISREG(st.st_mode) ||
	    (p->before_s != 0 && (st.st_mtime < 0 ||
	        (uint64_t)st.st_mtime >= p->before_s)))
		return false;
	if (!p->dry_run && store_sys.unlink(at, name) == -1) {
		if (errno != ENOENT)
			note(p);
		return false;
	}
	/* As usage.c counts them. */
	maildir_name_sizes(name, &bytes, &octets);
	p->bytes += bytes > CLAIM_MAX ? (uint64_t)st.st_size : bytes;
	p->messages++;
	return true;
}

/* Names of an open directory; false at its end. */
static bool
purge_names(struct purge *p, unsigned *n)
{
	struct dirent *de;

	while (*n > 0) {
		errno = 0;
		if ((de = readdir(p->dir)) == NULL) {
			if (errno != 0)
				note(p);
			return false;
		}
		(*n)--;
		if (de->d_name[0] == '.' ||
		    (de->d_type != DT_REG && de->d_type != DT_UNKNOWN))
			continue;
		if (purge_file(p, de->d_name) && !p->dry_run)
			p->changed = true;
	}
	return true;
}

static void
dir_end(struct purge *p)
{
	if (p->changed && store_sys.sync(dirfd(p->dir)) == -1)
		note(p);
	p->changed = false;
	closedir(p->dir);
	p->dir = NULL;
}

/* What is no folder of mail has nothing to delete. */
static void
dir_begin(struct purge *p)
{
	char path[sizeof(p->folder) + 8];

	snprintf(path, sizeof(path), "%s%s%s", p->folder,
	    *p->folder ? "/" : "", subs[p->sub++]);
	p->dir = open_dir(p->maildir, path);
	if (p->dir == NULL && errno != ENOENT && errno != ELOOP &&
	    errno != ENOTDIR)
		note(p);
}

/* The next folder beside INBOX; false after the last. */
static bool
next_folder(struct purge *p)
{
	struct dirent *de;

	if (p->folders == NULL && (p->folders = open_dir(p->maildir, ".")) ==
	        NULL) {
		note(p);
		return false;
	}
	do {
		errno = 0;
		if ((de = readdir(p->folders)) == NULL) {
			if (errno != 0)
				note(p);
			return false;
		}
	} while (de->d_name[0] != '.' || strcmp(de->d_name, ".") == 0 ||
	    strcmp(de->d_name, "..") == 0 ||
	    (de->d_type != DT_DIR && de->d_type != DT_UNKNOWN));
	snprintf(p->folder, sizeof(p->folder), "%s", de->d_name);
	p->sub = 0;
	return true;
}

void
purge_begin(struct purge *p, int home, uint64_t before_s, bool dry_run)
{
	*p = (struct purge){ .home = home, .before_s = before_s,
		.dry_run = dry_run, .maildir = maildir_dir(home, "", O_PATH) };
	/* No Maildir yet: nothing in it. */
	if (p->maildir == -1 && errno != ENOENT)
		note(p);
}

int
purge_step(struct purge *p, unsigned n)
{
	while (p->maildir != -1 && n > 0) {
		if (p->dir != NULL) {
			if (!purge_names(p, &n))
				dir_end(p);
			continue;
		}
		n--; /* many empty folders are work, too */
		if (p->sub < nitems(subs)) {
			dir_begin(p);
		} else if (!next_folder(p)) {
			purge_end(p);
		}
	}
	if (p->maildir != -1)
		return 1;
	errno = p->err;
	return p->err == 0 ? 0 : -1;
}

void
purge_end(struct purge *p)
{
	if (p->dir != NULL)
		dir_end(p);
	if (p->folders != NULL)
		closedir(p->folders);
	p->folders = NULL;
	if (p->maildir != -1)
		store_sys.close(p->maildir);
	p->maildir = -1;
}
