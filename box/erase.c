/*
 * Remove all that is in a home whose owner may have nested folders a million
 * deep: a folder inside a folder is first moved up into the home, so that two
 * levels are all there ever are.
 */
#include "config.h"
#include "box/box.h"
#include "libcommon/io.h"
#include "libcommon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static DIR *
open_dir(int at, const char *name)
{
	int fd = io_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
	DIR *d;

	/* Its owner may have taken his own rights away. */
	if (fd == -1 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
		fd = io_open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return NULL;
	fchmod(fd, 0700);
	if ((d = fdopendir(fd)) == NULL)
		close(fd);
	return d;
}

static const char *
next_name(DIR *d)
{
	struct dirent *de;

	do {
		errno = 0;
		if ((de = readdir(d)) == NULL)
			return NULL;
	} while (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0);
	return de->d_name;
}

/* Up into the home, under a name nothing has. */
static int
move_up(int home, int from, const char *name)
{
	static unsigned n;
	char to[32];

	for (unsigned tries = 0; tries < 1000000; tries++) {
		snprintf(to, sizeof(to), "erase.%u", n++);
		if (renameat2(from, name, home, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EACCES && fchmodat(from, name, 0700, 0) == 0 &&
		    renameat2(from, name, home, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int
erase_dir(int home, const char *dir)
{
	DIR *d = open_dir(home, dir);
	const char *name;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (name = next_name(d)) != NULL)
		if (unlinkat(dirfd(d), name, 0) == -1 && errno != ENOENT)
			r = move_up(home, dirfd(d), name);
	if (r == 0 && errno != 0 && errno != ENOENT)
		r = -1;
	closedir(d);
	if (r == 0)
		r = unlinkat(home, dir, AT_REMOVEDIR);
	return r;
}

int
erase_all(int home)
{
	bool found = true;
	const char *name;
	DIR *d;

	while (found) {
		if ((d = open_dir(home, ".")) == NULL) {
			log_warn("erase");
			return -1;
		}
		for (found = false; (name = next_name(d)) != NULL;) {
			found = true;
			if (unlinkat(home, name, 0) == 0 || errno == ENOENT)
				continue;
			if (erase_dir(home, name) == -1 && errno != ENOTEMPTY) {
				log_warn("erase");
				closedir(d);
				return -1;
			}
		}
		closedir(d);
	}
	return 0;
}
