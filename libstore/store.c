#include "config.h"
#include "libstore/store.h"

#include <stdlib.h>

void
folder_free(struct folder **fp)
{
	struct folder *f = *fp;

	*fp = NULL;
	if (f != NULL)
		f->ops->free(f);
}

int
folder_list(struct folder *f, struct store_list *out)
{
	memset(out, 0, sizeof(*out));
	return f->ops->list(f, out);
}

int
store_msg_rename(struct store_msg *m, const char *name)
{
	size_t n = strlen(name);
	char *copy;

	if (n <= m->room) {
		memcpy(m->name, name, n + 1);
		return 0;
	}
	if ((copy = strdup(name)) == NULL)
		return -1;
	store_msg_clear(m);
	m->name = copy;
	m->room = (uint16_t)n; /* a file name is short */
	m->own = true;
	return 0;
}

void
store_msg_clear(struct store_msg *m)
{
	if (m->own)
		free(m->name);
	m->own = false;
	m->name = NULL;
	m->room = 0;
}

void
store_list_clear(struct store_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		store_msg_clear(&l->msgs[i]);
	free(l->msgs);
	free(l->names);
	memset(l, 0, sizeof(*l));
}

int
folder_measure(struct folder *f, struct store_msg *m)
{
	return f->ops->measure(f, m);
}

void
folder_see(struct folder *f, struct store_msg *m)
{
	f->ops->see(f, m);
}

int
folder_read(struct folder *f, struct store_msg *m)
{
	return f->ops->read(f, m);
}

int
folder_remove(struct folder *f, struct store_msg *m)
{
	return f->ops->remove(f, m);
}

int
folder_write(struct folder *f, const struct store_incoming *in,
    struct store_draft *out)
{
	return f->ops->write(f, in, out);
}

void
folder_look(struct folder *f)
{
	f->ops->look(f);
}

int
folder_publish(struct folder *f, const struct store_draft *d)
{
	return f->ops->publish(f, d);
}

void
folder_discard(struct folder *f, const struct store_draft *d)
{
	f->ops->discard(f, d);
}

int
folder_has(struct folder *f, uint64_t queue_id)
{
	return f->ops->has(f, queue_id);
}

void
octets_add(struct octets *o, const void *data, size_t n)
{
	const unsigned char *p = data, *end = p + n, *lf;

	if (n == 0)
		return;
	o->n += n;
	for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))) != NULL;
	     p = lf + 1)
		if ((lf == (const unsigned char *)data ? o->last : lf[-1]) !=
		    '\r')
			o->n++;
	o->last = end[-1];
	o->any = true;
}

uint64_t
octets_total(const struct octets *o)
{
	return o->n + (o->any && o->last != '\n' ? 2 : 0);
}

size_t
to_lf(struct to_lf *t, const void *in, size_t n, unsigned char *out)
{
	const unsigned char *p = in, *end = p + n, *cr;
	unsigned char *to = out;

	if (n == 0)
		return 0;
	if (t->cr) {
		t->cr = false;
		if (*p != '\n')
			*to++ = '\r';
	}
	while (p < end) {
		size_t run;

		cr = memchr(p, '\r', (size_t)(end - p));
		run = (size_t)((cr == NULL ? end : cr) - p);
		memcpy(to, p, run);
		to += run;
		p += run;
		if (cr == NULL)
			break;
		if (++p == end)
			t->cr = true;
		else if (*p != '\n')
			*to++ = '\r';
	}
	return (size_t)(to - out);
}

size_t
to_lf_end(struct to_lf *t, unsigned char *out)
{
	if (!t->cr)
		return 0;
	t->cr = false;
	*out = '\r';
	return 1;
}
