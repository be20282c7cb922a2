/*
 * Which Unix accounts may be mailboxes: looked up by semaild at a start, a
 * check and a reload, so that spawnd and admind ask nobody who a name is, and
 * an account that could be none is an error now and not at its first mail.
 */
#include "config.h"
#include "master/master.h"

#include "libcommon/accounts.h"
#include "libcommon/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTING "unix-accounts"
#define UID_MIN 1000 /* below are those of the system */
#define GROUP "group:"

struct seen {
	uid_t uid;
	char name[ACCOUNT_NAME_MAX + 1];
};

struct finding {
	const struct master *master;
	const struct conf *conf;
	struct buf *out;
	struct seen *seen; /* that are in it */
	size_t nseen;
	void (*complain)(void *, const char *);
	void *arg;
};

__attribute__((format(printf, 3, 4))) static int
wrong(const struct finding *f, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%s: " SETTING ": %.100s ",
	    conf_where(f->conf, SETTING), name);

	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	f->complain(f->arg, text);
	return -1;
}

static bool
is_role(const struct finding *f, uid_t uid)
{
	const struct passwd *hook;

	for (size_t i = 0; i < ROLE__COUNT; i++)
		if (f->master->uid[i] == uid)
			return true;
	if (f->master->db_uid == uid)
		return true;
	hook = getpwnam(conf_get(f->conf, "hook-user"));
	return hook != NULL && hook->pw_uid == uid;
}

/* Not there yet: the same account may be named, and be in groups. */
static int
add_new(struct finding *f, const struct account *a)
{
	struct seen *s;

	for (size_t i = 0; i < f->nseen; i++) {
		if (f->seen[i].uid != a->uid)
			continue;
		if (strcmp(f->seen[i].name, a->name) == 0)
			return 0;
		return wrong(f, a->name,
		    "has the uid %u of %.100s, but an "
		    "account is one mailbox; name one of the two",
		    (unsigned)a->uid, f->seen[i].name);
	}
	if (account_put(f->out, a) == -1 || buf_error(f->out) != 0)
		return wrong(f, a->name,
		    "has a name or a home that holds a "
		    "control character, or there are too many; leave it out");
	if ((s = realloc(f->seen, (f->nseen + 1) * sizeof(*s))) == NULL)
		fatal("accounts");
	f->seen = s;
	s += f->nseen++;
	s->uid = a->uid;
	if (span_copy(span_of(a->name), s->name, sizeof(s->name)) == -1)
		fatalx("bug name=%s", a->name); /* it was put */
	return 0;
}

static int
add(struct finding *f, const char *name)
{
	const struct passwd *pw;
	struct account a;
	char keep[ACCOUNT_NAME_MAX + 1], home[ACCOUNT_HOME_MAX + 1];

	errno = 0;
	if ((pw = getpwnam(name)) == NULL && errno != 0 && errno != ENOENT)
		return wrong(f, name, "cannot be looked up: %s",
		    strerror(errno));
	if (pw == NULL)
		return wrong(f, name,
		    "is no account of this system; make it "
		    "or leave it out");
	if (span_copy(span_of(pw->pw_name), keep, sizeof(keep)) == -1 ||
	    span_copy(span_of(pw->pw_dir), home, sizeof(home)) == -1)
		return wrong(f, name,
		    "has a name or a home that is too long; "
		    "leave it out");
	a = (struct account){ keep, pw->pw_uid, pw->pw_gid, home };
	if (a.uid < UID_MIN)
		return wrong(f, name,
		    "has uid %u: those below %d are the "
		    "system's own; leave it out",
		    (unsigned)a.uid, UID_MIN);
	if (a.uid >= conf_get_num(f->conf, "uid-first") &&
	    a.uid <= conf_get_num(f->conf, "uid-last"))
		return wrong(f, name,
		    "has uid %u, which uid-first and uid-last "
		    "give to other mailboxes; leave it out or choose another "
		    "range",
		    (unsigned)a.uid);
	if (a.gid == 0)
		return wrong(f, name,
		    "has root's group; give it one of its own "
		    "or leave it out");
	if (is_role(f, a.uid))
		return wrong(f, name,
		    "is one of SEMail's own users; leave it "
		    "out");
	if (a.home[0] != '/')
		return wrong(f, name,
		    "has the home \"%.200s\", which is no "
		    "absolute path; change it with usermod -d or leave it out",
		    a.home);
	return add_new(f, &a);
}

/* Those whose primary group it is are not in its own list. */
static int
add_primary(struct finding *f, gid_t gid)
{
	struct buf names;
	struct span rest;
	const struct passwd *pw;
	char name[ACCOUNT_NAME_MAX + 1];
	ptrdiff_t end;
	int r = 0;

	buf_init(&names, HO_MAX);
	setpwent();
	while ((pw = getpwent()) != NULL)
		if (pw->pw_gid == gid)
			buf_printf(&names, "%s\n", pw->pw_name);
	endpwent();
	for (rest = buf_span(&names); (end = span_chr(rest, '\n')) != -1;
	     rest = span_sub(rest, (size_t)end + 1, rest.len))
		if (span_copy(span_sub(rest, 0, (size_t)end), name,
		        sizeof(name)) == 0 &&
		    add(f, name) == -1)
			r = -1;
	buf_clear(&names);
	return r;
}

static int
add_group(struct finding *f, const char *name)
{
	const struct group *gr;
	int r = 0;
	gid_t gid;

	errno = 0;
	if ((gr = getgrnam(name)) == NULL && errno != 0 && errno != ENOENT)
		return wrong(f, name, "cannot be looked up: %s",
		    strerror(errno));
	if (gr == NULL)
		return wrong(f, name,
		    "is no group of this system; make it or "
		    "leave it out");
	gid = gr->gr_gid;
	for (char **p = gr->gr_mem; *p != NULL; p++)
		if (add(f, *p) == -1)
			r = -1;
	return add_primary(f, gid) == -1 ? -1 : r;
}

int
accounts_find(const struct master *m, const struct conf *conf, struct buf *out,
    void (*complain)(void *, const char *), void *arg)
{
	struct finding f = { .master = m,
		.conf = conf,
		.out = out,
		.complain = complain,
		.arg = arg };
	char words[1024], *rest = words, *word;
	int r = 0;

	if (span_copy(span_of(conf_get(conf, SETTING)), words, sizeof(words)) ==
	    -1)
		return wrong(&f, "the value", "is too long; use group:NAME");
	while ((word = strsep(&rest, " \t")) != NULL) {
		if (*word == '\0')
			continue;
		if (!m->privileged)
			r = wrong(&f, word,
			    "cannot be a mailbox: only root "
			    "becomes another account; start SEMail as root or "
			    "remove the line");
		else if ((strncmp(word, GROUP, strlen(GROUP)) == 0
		                 ? add_group(&f, word + strlen(GROUP))
		                 : add(&f, word)) == -1)
			r = -1;
	}
	free(f.seen);
	return r;
}
