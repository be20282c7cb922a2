/*
 * Which hooks there are: found out by semaild at a start, a check and a reload,
 * so that admind (which sees no files) knows what to wait for, and a hook that
 * could not be run is an error now and not at the first change.
 */
#include "config.h"
#include "master/master.h"

#include "libcommon/msg_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct finding {
	const struct conf *conf;
	const char *dir;
	void (*complain)(void *, const char *);
	void *arg;
};

static int
wrong(const struct finding *f, const char *what, const char *name,
    const char *why)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s: %s %.500s%s%s: %s",
	    conf_where(f->conf, "hook-dir"), what, f->dir,
	    *name != '\0' ? "/" : "", name, why);
	f->complain(f->arg, text);
	return -1;
}

static bool
is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	    (st->st_mode & 022) == 0;
}

/* 1: it is to be run; 0: it is not there, or switched off by its mode. */
static int
look_at(const struct finding *f, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT
		    ? 0
		    : wrong(f, "hook", name, "cannot be looked at");
	if (!S_ISREG(st.st_mode))
		return wrong(f, "hook", name,
		    "is no plain file (links are not "
		    "followed)");
	if (!(st.st_mode & 0111))
		return 0;
	if (!is_ours(&st))
		return wrong(f, "hook", name,
		    "must be root's and writable by "
		    "nobody else: chown root, chmod 755");
	return 1;
}

static int
check_user(const struct finding *f)
{
	const char *name = conf_get(f->conf, "hook-user");
	const struct passwd *pw = getpwnam(name);
	char text[512];

	if (pw != NULL && pw->pw_uid != 0)
		return 0;
	snprintf(text, sizeof(text), "%s: hook-user %.100s %s",
	    conf_where(f->conf, "hook-user"), name,
	    pw != NULL ? "must not be root"
	               : "does not exist; contrib/make-users makes the "
	                 "usual one");
	f->complain(f->arg, text);
	return -1;
}

int
hooks_find(const struct master *m, const struct conf *conf, struct buf *out,
    void (*complain)(void *, const char *), void *arg)
{
	struct finding f = { conf, conf_get(conf, "hook-dir"), complain, arg };
	bool by_default = strcmp(conf_where(conf, "hook-dir"), "default") == 0;
	struct stat st;
	int dir, r = 0;

	dir = open(f.dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1 && by_default && errno == ENOENT)
		return 0;
	if (dir == -1)
		return wrong(&f, "hook-dir", "",
		    "is no folder that can be "
		    "opened");
	if (fstat(dir, &st) == -1 || !is_ours(&st)) {
		close(dir);
		return wrong(&f, "hook-dir", "",
		    "must be root's and writable "
		    "by nobody else: chown root, chmod 755");
	}
	for (unsigned i = 0; i < nhook_names && r != -1; i++) {
		r = look_at(&f, dir, hook_names[i]);
		if (r == 1)
			buf_printf(out, "%s%s", out->len > 0 ? "," : "",
			    hook_names[i]);
	}
	close(dir);
	if (r == -1)
		return -1;
	return out->len > 0 && m->privileged ? check_user(&f) : 0;
}
