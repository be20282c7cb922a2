#include "config.h"
#include "libstore/purge.h"
#include "libstore/maildir.h"
#include "libstore/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define CLAIM_MAX ((uint64_t)1 << 40) /* a name may claim anything */

static void
note(struct purge *p)
{
	if (p->err == 0)
		p->err = errno;
}

/* One message: was it deleted (or counted)? */
static bool
purge_file(struct purge *p, const char *name)
{
	uint64_t bytes, octets;
	struct stat st;
	int at = dirfd(p->walk.dir);

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			note(p);
		return false;
	}
	/* The time of the file is when the message came here: programs that
	 * copy messages keep it (and IMAP's internal date is the same). */
	if (!S_ISREG(st.st_mode) ||
	    (p->before_s != 0 &&
	        (st.st_mtime < 0 || (uint64_t)st.st_mtime >= p->before_s)))
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

static void
dir_end(struct purge *p)
{
	if (p->changed && store_sys.sync(dirfd(p->walk.dir)) == -1)
		note(p);
	p->changed = false;
}

void
purge_begin(struct purge *p, int home, uint64_t before_s, bool dry_run)
{
	*p = (struct purge){ .before_s = before_s, .dry_run = dry_run };
	walk_begin(&p->walk, home);
}

int
purge_step(struct purge *p, unsigned n)
{
	const char *name;

	for (; n > 0; n--) { /* many empty folders are work, too */
		switch (walk_next(&p->walk, &name)) {
		case WALK_NAME:
			if (purge_file(p, name) && !p->dry_run)
				p->changed = true;
			break;
		case WALK_DIR_END:
			dir_end(p);
			break;
		case WALK_DIR:
		case WALK_ELSEWHERE:
			break;
		case WALK_OVER:
			errno = p->err != 0 ? p->err : p->walk.err;
			return errno == 0 ? 0 : -1;
		}
	}
	return 1;
}

void
purge_end(struct purge *p)
{
	if (p->walk.dir != NULL)
		dir_end(p);
	walk_end(&p->walk);
}
