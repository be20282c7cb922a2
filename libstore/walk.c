#include "config.h"
#include "libstore/walk.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char *const subs[] = { "new", "cur" };

static void
note(struct walk *w)
{
	if (w->err == 0)
		w->err = errno;
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

/* The next name of the open directory. */
static enum walk_at
next_name(struct walk *w, const char **name_out)
{
	struct dirent *de;

	errno = 0;
	if ((de = readdir(w->dir)) == NULL) {
		if (errno != 0)
			note(w);
		w->dir_over = true;
		return WALK_DIR_END;
	}
	if (de->d_name[0] == '.' ||
	    (de->d_type != DT_REG && de->d_type != DT_UNKNOWN))
		return WALK_ELSEWHERE;
	*name_out = de->d_name;
	return WALK_NAME;
}

static void
dir_end(struct walk *w)
{
	closedir(w->dir);
	w->dir = NULL;
	w->dir_over = false;
}

/* What is no folder of mail has no names. */
static enum walk_at
dir_begin(struct walk *w)
{
	char path[sizeof(w->folder) + 8];

	snprintf(path, sizeof(path), "%s%s%s", w->folder, *w->folder ? "/" : "",
	    subs[w->sub++]);
	w->dir = open_dir(w->maildir, path);
	if (w->dir == NULL && errno != ENOENT && errno != ELOOP &&
	    errno != ENOTDIR)
		note(w);
	return w->dir == NULL ? WALK_ELSEWHERE : WALK_DIR;
}

/* The next folder beside INBOX; false after the last. */
static bool
next_folder(struct walk *w)
{
	struct dirent *de;

	if (w->folders == NULL &&
	    (w->folders = open_dir(w->maildir, ".")) == NULL) {
		note(w);
		return false;
	}
	do {
		errno = 0;
		if ((de = readdir(w->folders)) == NULL) {
			if (errno != 0)
				note(w);
			return false;
		}
	} while (de->d_name[0] != '.' || strcmp(de->d_name, ".") == 0 ||
	    strcmp(de->d_name, "..") == 0 ||
	    (de->d_type != DT_DIR && de->d_type != DT_UNKNOWN));
	snprintf(w->folder, sizeof(w->folder), "%s", de->d_name);
	w->sub = 0;
	return true;
}

void
walk_begin(struct walk *w, int home)
{
	*w = (struct walk){ .maildir = maildir_dir(home, "", O_PATH) };
	/* No Maildir yet: nothing in it. */
	if (w->maildir == -1 && errno != ENOENT)
		note(w);
}

enum walk_at
walk_next(struct walk *w, const char **name_out)
{
	if (w->maildir == -1)
		return WALK_OVER;
	if (w->dir_over)
		dir_end(w);
	if (w->dir != NULL)
		return next_name(w, name_out);
	if (w->sub < nitems(subs))
		return dir_begin(w);
	if (next_folder(w))
		return WALK_ELSEWHERE;
	walk_end(w);
	return WALK_OVER;
}

bool
walk_in_new(const struct walk *w)
{
	return w->sub == 1;
}

void
walk_end(struct walk *w)
{
	if (w->dir != NULL)
		dir_end(w);
	if (w->folders != NULL)
		closedir(w->folders);
	w->folders = NULL;
	if (w->maildir != -1)
		store_sys.close(w->maildir);
	w->maildir = -1;
}
