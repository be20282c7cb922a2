#include "config.h"
#include "libcommon/accounts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct accounts {
	char *text; /* owned; names and homes are in it */
	size_t n;
	struct account by_uid[]; /* in that order */
};

static bool
is_text(const char *s, size_t max, bool blanks)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f || (c == ' ' && !blanks))
			return false;
	}
	return n > 0 && n <= max;
}

/* Root is no mailbox, and the last number stands for "none". */
static bool
is_good(const struct account *a)
{
	return is_text(a->name, ACCOUNT_NAME_MAX, false) &&
	    is_text(a->home, ACCOUNT_HOME_MAX, true) && a->home[0] == '/' &&
	    a->uid != 0 && a->uid != UINT32_MAX && a->gid != 0 &&
	    a->gid != UINT32_MAX;
}

int
account_put(struct buf *b, const struct account *a)
{
	if (!is_good(a))
		return -1;
	buf_printf(b, "%s %" PRIu32 " %" PRIu32 " %s\n", a->name, a->uid,
	    a->gid, a->home);
	return 0;
}

/* ---- the table ------------------------------------------------------------- */

static bool
take_number(char **rest, uint32_t *out)
{
	const char *word = strsep(rest, " ");
	uint64_t n;

	if (word == NULL || span_u64(span_of(word), UINT32_MAX, &n) == -1)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
take_line(char *line, struct account *out)
{
	char *rest = line;

	out->name = strsep(&rest, " ");
	if (!take_number(&rest, &out->uid) || !take_number(&rest, &out->gid) ||
	    rest == NULL)
		return false;
	out->home = rest;
	return is_good(out);
}

static int
uid_cmp(const void *a, const void *b)
{
	const struct account *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp((*(const struct account *const *)a)->name,
	    (*(const struct account *const *)b)->name);
}

/* All names differ, and all uids of the sorted table. */
static bool
all_differ(const struct accounts *t)
{
	const struct account **names = calloc(t->n + 1, sizeof(*names));
	bool differ = names != NULL;

	for (size_t i = 0; differ && i < t->n; i++) {
		names[i] = &t->by_uid[i];
		differ = i == 0 || t->by_uid[i].uid != t->by_uid[i - 1].uid;
	}
	if (differ)
		qsort(names, t->n, sizeof(*names), name_cmp);
	for (size_t i = 1; differ && i < t->n; i++)
		differ = strcmp(names[i]->name, names[i - 1]->name) != 0;
	free(names);
	return differ;
}

/* The lines of t->text, each with its end. */
static bool
take_lines(struct accounts *t)
{
	char *rest = t->text, *end;

	for (; *rest != '\0'; rest = end + 1) {
		if ((end = strchr(rest, '\n')) == NULL)
			return false;
		*end = '\0';
		if (!take_line(rest, &t->by_uid[t->n]))
			return false;
		t->n++;
	}
	qsort(t->by_uid, t->n, sizeof(t->by_uid[0]), uid_cmp);
	return all_differ(t);
}

struct accounts *
accounts_new(struct span lines)
{
	struct accounts *t;
	size_t max = 1;

	for (size_t i = 0; i < lines.len; i++)
		max += lines.data[i] == '\n';
	if ((t = calloc(1, sizeof(*t) + max * sizeof(t->by_uid[0]))) == NULL)
		return NULL;
	if ((t->text = malloc(lines.len + 1)) == NULL ||
	    span_copy(lines, t->text, lines.len + 1) == -1 || !take_lines(t)) {
		accounts_free(&t);
		errno = EBADMSG;
	}
	return t;
}

void
accounts_free(struct accounts **tp)
{
	struct accounts *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	free(t->text);
	free(t);
}

/* ---- what is in it --------------------------------------------------------- */

const struct account *
accounts_by_name(const struct accounts *t, struct span name)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_is(name, t->by_uid[i].name))
			return &t->by_uid[i];
	return NULL;
}

const struct account *
accounts_by_uid(const struct accounts *t, uint32_t uid)
{
	struct account key = { .uid = uid };

	return bsearch(&key, t->by_uid, t->n, sizeof(key), uid_cmp);
}

bool
account_same(const struct account *a, const struct account *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->uid == b->uid && a->gid == b->gid &&
	    strcmp(a->name, b->name) == 0 && strcmp(a->home, b->home) == 0;
}
