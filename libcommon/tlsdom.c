#include "config.h"
#include "libcommon/tlsdom.h"
#include "libcommon/addr.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a line ------------------------------------------------------------- */

static struct span
cut(struct span *rest, const char *at)
{
	struct span w;
	size_t n = 0;

	while (n < rest->len && strchr(at, rest->data[n]) == NULL)
		n++;
	w = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n < rest->len ? n + 1 : n, rest->len);
	return w;
}

bool
tlsdom_next(struct span *names, struct span *name_out)
{
	if (names->len == 0)
		return false;
	*name_out = cut(names, ",");
	return true;
}

static int
read_names(struct span list, struct tlsdom *out, char why[static 201])
{
	char domain[ADDR_DOMAIN_MAX + 1];
	size_t used = 0;

	if (list.len == 0 || list.data[list.len - 1] == ',') {
		snprintf(why, 201, "a name is missing; write NAME,NAME");
		return -1;
	}
	for (struct span name, in; tlsdom_next(&list, &name);) {
		bool any = name.len > 2 && name.data[0] == '*' &&
		    name.data[1] == '.';

		in = any ? span_sub(name, 2, name.len) : name;
		if (addr_domain(in, domain) == -1) {
			snprintf(why, 201,
			    "\"%.*s\" is not a host name; write "
			    "mail.example.org or *.example.org",
			    (int)(name.len < 80 ? name.len : 80),
			    (const char *)name.data);
			return -1;
		}
		used += (size_t)snprintf(out->names + used,
		    sizeof(out->names) - used, "%s%s%s", used > 0 ? "," : "",
		    any ? "*." : "", domain);
		if (used >= sizeof(out->names)) {
			snprintf(why, 201,
			    "too many names; write a second "
			    "line for the same files");
			return -1;
		}
	}
	return 0;
}

int
tlsdom_parse(const char *value, struct tlsdom *out, char why[static 201])
{
	struct span rest = span_trim(span_of(value));
	struct span names = cut(&rest, " \t"), certificate, key;

	rest = span_trim(rest);
	certificate = cut(&rest, " \t");
	key = span_trim(rest);
	if (key.len == 0 || span_chr(key, ' ') != -1 ||
	    span_chr(key, '\t') != -1) {
		snprintf(why, 201,
		    "write NAME[,NAME...] CERTIFICATE-FILE "
		    "KEY-FILE, without blanks in them");
		return -1;
	}
	if (span_copy(certificate, out->certificate,
	        sizeof(out->certificate)) == -1 ||
	    span_copy(key, out->key, sizeof(out->key)) == -1) {
		snprintf(why, 201, "a file's name is too long");
		return -1;
	}
	return read_names(names, out, why);
}

/* ---- handed over -------------------------------------------------------- */

void
tlsdom_put(struct buf *b, const char *names, struct span certificate,
    struct span key)
{
	wire_put_str(b, names);
	wire_put_bytes(b, certificate);
	wire_put_bytes(b, key);
}

/* ---- the table ---------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tlsdom_entry *)a)->name,
	    ((const struct tlsdom_entry *)b)->name);
}

static int
to_name(const void *name, const void *e)
{
	return strcmp(name, ((const struct tlsdom_entry *)e)->name);
}

int
tlsdom_add(struct tlsdom_table *t, const char *names, size_t id)
{
	struct span list = span_of(names), name;

	t->sorted = false;
	while (tlsdom_next(&list, &name)) {
		if (t->n == t->room) {
			size_t room = t->room > 0 ? t->room * 2 : 16;
			void *p = reallocarray(t->entries, room,
			    sizeof(*t->entries));

			if (p == NULL)
				return -1;
			t->entries = p;
			t->room = room;
		}
		if ((t->entries[t->n].name = span_strdup(name)) == NULL)
			return -1;
		t->entries[t->n++].id = id;
	}
	return 0;
}

bool
tlsdom_has(struct tlsdom_table *t, const char *name, size_t *id_out)
{
	const struct tlsdom_entry *e;

	if (!t->sorted && t->n > 0)
		qsort(t->entries, t->n, sizeof(*t->entries), by_name);
	t->sorted = true;
	e = t->n == 0 ? NULL
	              : bsearch(name, t->entries, t->n, sizeof(*e), to_name);
	if (e == NULL)
		return false;
	*id_out = e->id;
	return true;
}

bool
tlsdom_find(struct tlsdom_table *t, const char *name, size_t *id_out)
{
	char text[ADDR_DOMAIN_MAX + 1], *dot;
	size_t n = strlen(name);

	/* Clients add no final dot (RFC 6066 3); some did. */
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0 || n >= sizeof(text))
		return false;
	for (size_t i = 0; i < n; i++)
		text[i] = name[i] >= 'A' && name[i] <= 'Z'
		    ? (char)(name[i] - 'A' + 'a')
		    : name[i];
	text[n] = '\0';
	/* "*.b" is asked for by nobody honest, and is not a name. */
	if (text[0] == '*')
		return false;
	if (tlsdom_has(t, text, id_out))
		return true;
	/* One label is what the star stands for: at least one octet. */
	dot = strchr(text, '.');
	if (dot == NULL || dot == text)
		return false;
	dot[-1] = '*';
	return tlsdom_has(t, dot - 1, id_out);
}

void
tlsdom_clear(struct tlsdom_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->entries[i].name);
	free(t->entries);
	memset(t, 0, sizeof(*t));
}
