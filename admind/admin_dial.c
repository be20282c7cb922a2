#include "config.h"
#include "admind/admin_dial.h"

#include "client/admin.h"
#include "libcommon/conf.h"
#include "libcommon/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_LINE_MAX 512

struct admin_link {
	struct semail_admin *admin;
};

struct found {
	char where[256];
	struct buf key;
	int status; /* what went wrong */
};

static void
complain(void *arg, const char *what)
{
	(void)arg;
	fprintf(stderr, "semail: %s\n", what);
}

/* This host's socket, and the key semaild wrote beside it. */
static int
find_here(const char *conf_path, struct found *f, char *why, size_t size)
{
	struct conf *conf = conf_read(conf_path, complain, NULL);
	char path[256];
	int n, m;

	f->status = 78;
	if (conf == NULL) {
		snprintf(why, size, "the configuration cannot be used");
		return -1;
	}
	n = snprintf(path, sizeof(path), "%s/ctl/admin.key",
	    conf_get(conf, "run-dir"));
	m = snprintf(f->where, sizeof(f->where), "%s/ctl/admind",
	    conf_get(conf, "run-dir"));
	conf_free(&conf);
	if (n < 0 || m < 0 || (size_t)n >= sizeof(path)) {
		snprintf(why, size, "run-dir is too long for a socket");
		return -1;
	}
	if (io_slurp_path(path, KEY_LINE_MAX, &f->key) == 0)
		return 0;
	f->status = errno == EACCES ? 77 : 75;
	snprintf(why, size, "%s: %s",
	    errno == EACCES ? "root and the group semail-admin may do this"
	                    : "admind cannot be reached; is SEMail started?",
	    strerror(errno));
	return -1;
}

static int
find_there(const struct admin_where *w, struct found *f, char *why, size_t size)
{
	const char *key = getenv("SEMAIL_ADMIN_KEY");
	int n;

	f->status = 78;
	n = snprintf(f->where, sizeof(f->where), "%s", w->server);
	if (n < 0 || (size_t)n >= sizeof(f->where)) {
		snprintf(why, size, "the server's name is too long");
		return -1;
	}
	if (w->key_file != NULL) {
		if (io_slurp_path(w->key_file, KEY_LINE_MAX, &f->key) == 0)
			return 0;
		snprintf(why, size, "%.200s: %s", w->key_file, strerror(errno));
		return -1;
	}
	if (key == NULL) {
		snprintf(why, size,
		    "a panel's key is needed: in a file, or in "
		    "SEMAIL_ADMIN_KEY");
		return -1;
	}
	buf_puts(&f->key, key);
	return 0;
}

static struct admin_link *
link_new(struct found *f, char *why, size_t size)
{
	struct admin_link *l = malloc(sizeof(*l));

	buf_putc(&f->key, '\0');
	if (l != NULL && buf_error(&f->key) == 0)
		l->admin = semail_admin_new((const char *)f->key.data,
		    f->where);
	if (l != NULL && buf_error(&f->key) == 0 && l->admin != NULL)
		return l;
	f->status = l != NULL && errno == EINVAL ? 78 : 75;
	snprintf(why, size,
	    f->status == 78 ? "the panel's key, or where admind "
	                      "is, cannot be read"
	                    : "no memory");
	free(l);
	return NULL;
}

struct admin_link *
admin_dial(const struct admin_where *where, int *status_out, char *why,
    size_t size)
{
	struct admin_link *l = NULL;
	struct found f = { .status = 0 };

	buf_init(&f.key, KEY_LINE_MAX + 1);
	if ((where->server == NULL ? find_here(where->conf_path, &f, why, size)
	                           : find_there(where, &f, why, size)) == 0)
		l = link_new(&f, why, size);
	buf_clear(&f.key);
	*status_out = f.status;
	return l;
}

void
admin_hang_up(struct admin_link **lp)
{
	if (*lp == NULL)
		return;
	semail_admin_free((*lp)->admin);
	free(*lp);
	*lp = NULL;
}

/* The answer that is there, as fields. */
static int
take_answer(struct admin_link *l, struct fields *answer, char *why, size_t size)
{
	size_t len;
	const char *text = semail_admin_text(l->admin, &len);

	if (fields_parse(answer, span_from(text, len)) == -1 || answer->n < 6) {
		snprintf(why, size, "admind's answer cannot be read");
		return 76;
	}
	return 0;
}

static int
begin(struct admin_link *l, const struct buf *request, char *why, size_t size)
{
	if (buf_error(request) != 0 || request->len > REQUEST_MAX) {
		snprintf(why, size, "the request is too long");
		return 65;
	}
	semail_admin_begin_raw(l->admin, request->data, request->len);
	return 0;
}

int
admin_exchange(struct admin_link *l, const struct buf *request,
    struct fields *answer, char *why, size_t size)
{
	int r;

	if ((r = begin(l, request, why, size)) != 0)
		return r;
	if ((r = semail_admin_call(l->admin)) > 0) {
		snprintf(why, size, "%s", semail_admin_comment(l->admin));
		return r == SEMAIL_ADMIN_REFUSED ? 77
		    : r == SEMAIL_ADMIN_BROKEN   ? 76
		                                 : 75;
	}
	return take_answer(l, answer, why, size);
}

/* ---- without waiting ------------------------------------------------------- */

_Static_assert(ADMIN_ID == SEMAIL_ADMIN_ID, "ids");

void
admin_new_id(unsigned char id[static ADMIN_ID])
{
	semail_admin_new_id(id);
}

/* A key that fitted before and is refused is admind between two lives. */
static int
trouble(struct admin_link *l, int r, char *why, size_t size)
{
	if (r <= 0)
		return 0;
	snprintf(why, size, "%s", semail_admin_comment(l->admin));
	return r == SEMAIL_ADMIN_LOST || r == SEMAIL_ADMIN_REFUSED ? ADMIN_LOST
	    : r == SEMAIL_ADMIN_BROKEN                             ? 76
	                                                           : 75;
}

int
admin_send(struct admin_link *l, const unsigned char id[static ADMIN_ID],
    const struct buf *request, char *why, size_t size)
{
	int r;

	if ((r = begin(l, request, why, size)) != 0)
		return r;
	return trouble(l, semail_admin_send(l->admin, id), why, size);
}

int
admin_receive(struct admin_link *l, const unsigned char id[static ADMIN_ID],
    struct fields *answer, char *why, size_t size)
{
	int r = semail_admin_receive(l->admin, id);

	if ((r = trouble(l, r, why, size)) != 0)
		return r;
	return take_answer(l, answer, why, size);
}
