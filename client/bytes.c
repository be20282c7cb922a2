#include "client/internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void
semail_bytes_clear(struct semail_bytes *b)
{
	if (b->data != NULL)
		sodium_memzero(b->data, b->cap);
	free(b->data);
	memset(b, 0, sizeof(*b));
}

/* Not realloc(): it would leave a password behind. */
void *
semail_bytes_room(struct semail_bytes *b, size_t n)
{
	size_t cap = b->cap > 0 ? b->cap : 256;
	char *more;

	if (b->bad)
		return NULL;
	while (cap - 1 < b->len + n)
		cap *= 2;
	if (cap != b->cap) {
		if ((more = malloc(cap)) == NULL) {
			b->bad = 1;
			return NULL;
		}
		if (b->len > 0)
			memcpy(more, b->data, b->len);
		if (b->data != NULL)
			sodium_memzero(b->data, b->cap);
		free(b->data);
		b->data = more;
		b->cap = cap;
	}
	b->len += n;
	b->data[b->len] = '\0';
	return b->data + b->len - n;
}

void
semail_bytes_put(struct semail_bytes *b, const void *p, size_t n)
{
	void *room = semail_bytes_room(b, n);

	if (room != NULL && n > 0)
		memcpy(room, p, n);
}

void
semail_bytes_put_field(struct semail_bytes *b, const void *p, size_t n)
{
	char *room = semail_bytes_room(b, semail_field_size(p, n));

	if (room != NULL)
		semail_field_put(room, p, n);
}
