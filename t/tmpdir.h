/* tmpdir - a folder for a unit test, removed with all that is in it. */
#ifndef T_TMPDIR_H
#define T_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char tmpdir_path[] = "/tmp/semail-test.XXXXXX";

__attribute__((unused)) static const char *
tmpdir_make(void)
{
	if (mkdtemp(tmpdir_path) == NULL)
		abort();
	return tmpdir_path;
}

static int
tmpdir_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

__attribute__((unused)) static void
tmpdir_remove(void)
{
	nftw(tmpdir_path, tmpdir_remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

#endif
