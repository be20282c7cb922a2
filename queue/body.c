#include "config.h"
#include "queue/body.h"
#include "queue/disk.h"
#include "queue/qmsg.h"
#include "libcommon/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void
tmp_path(uint64_t token, char out[static QMSG_PATH])
{
	snprintf(out, QMSG_PATH, "body/tmp/%016llx", (unsigned long long)token);
}

int
body_create(int dirfd, uint64_t token)
{
	char path[QMSG_PATH];
	int fd;

	tmp_path(token, path);
	fd = disk->open(dirfd, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd != -1 || errno != ENOENT)
		return fd;
	if (disk_need_dir(dirfd, ".", "body") == -1 ||
	    disk_need_dir(dirfd, "body", "body/tmp") == -1)
		return -1;
	return disk->open(dirfd, path, O_RDWR | O_CREAT | O_EXCL, 0600);
}

void
body_drop(int dirfd, uint64_t token)
{
	char path[QMSG_PATH];

	tmp_path(token, path);
	if (disk->unlink(dirfd, path) == -1 && errno != ENOENT)
		log_warn("body-drop path=%s", path);
}

int
body_keep(int dirfd, int fd, uint64_t token, uint64_t id)
{
	char from[QMSG_PATH], dir[QMSG_PATH], to[QMSG_PATH];

	tmp_path(token, from);
	qmsg_dir("body", id, dir);
	qmsg_path("body", id, to);
	if (disk->sync(fd) == -1 || disk_need_dir(dirfd, "body", dir) == -1 ||
	    disk->rename(dirfd, from, to) == -1)
		return -1;
	return disk_sync_dir(dirfd, dir);
}

int
body_share(int dirfd, uint64_t from, uint64_t id)
{
	char old[QMSG_PATH], dir[QMSG_PATH], new[QMSG_PATH];

	qmsg_path("body", from, old);
	qmsg_dir("body", id, dir);
	qmsg_path("body", id, new);
	if (disk_need_dir(dirfd, "body", dir) == -1 ||
	    disk->link(dirfd, old, new) == -1)
		return -1;
	return disk_sync_dir(dirfd, dir);
}

int
body_open(int dirfd, uint64_t id)
{
	char path[QMSG_PATH];

	qmsg_path("body", id, path);
	return disk->open(dirfd, path, O_RDONLY, 0);
}

int
body_unlink(int dirfd, uint64_t id)
{
	char path[QMSG_PATH];

	qmsg_path("body", id, path);
	return disk->unlink(dirfd, path);
}

static unsigned
collect_dir(int dirfd, const char *dir, bool is_tmp,
    bool (*needed)(void *, uint64_t), void *arg)
{
	int fd = disk->open(dirfd, dir, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	unsigned n = 0;
	uint64_t id;

	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		char path[QMSG_PATH + 256];

		if (de->d_name[0] == '.')
			continue;
		if (!is_tmp &&
		    (queue_id_parse(de->d_name, &id) == -1 || needed(arg, id)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (disk->unlink(dirfd, path) == 0)
			n++;
	}
	closedir(d);
	return n;
}

void
body_collect(int dirfd, bool (*needed)(void *, uint64_t), void *arg)
{
	int fd = disk->open(dirfd, "body", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;
	unsigned n = 0;

	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		char dir[QMSG_PATH];

		if (strlen(de->d_name) > 3 || de->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), "body/%.3s", de->d_name);
		n += collect_dir(dirfd, dir, strcmp(de->d_name, "tmp") == 0,
		    needed, arg);
	}
	closedir(d);
	if (n > 0)
		log_info("body-orphans removed=%u", n);
}
