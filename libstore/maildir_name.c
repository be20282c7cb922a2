#include "config.h"
#include "libstore/maildir.h"
#include "libcommon/msg_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void
maildir_host(const char *hostname, char out[static MAILDIR_HOST_MAX + 1])
{
	size_t n = 0;

	for (; *hostname != '\0' && n < MAILDIR_HOST_MAX; hostname++) {
		char c = *hostname;

		/* What a name's other fields begin with, or a path. */
		if (c <= ' ' || c > '~' || strchr("/:,", c) != NULL)
			c = '_';
		out[n++] = c;
	}
	if (n == 0)
		out[n++] = '_';
	out[n] = '\0';
}

void
maildir_name_tmp(char out[static STORE_NAME_MAX + 1], uint64_t arrived_s,
    uint64_t queue_id, const char *host)
{
	char id[QUEUE_ID_TEXT];

	queue_id_text(queue_id, id);
	snprintf(out, STORE_NAME_MAX + 1, "%" PRIu64 ".Q%s.%s", arrived_s, id,
	    host);
}

void
maildir_name_final(char out[static STORE_NAME_MAX + 1], const char *tmp,
    uint64_t bytes, uint64_t octets)
{
	/* tmp has at most 20 + 2 + 13 + 1 + 40 bytes. */
	snprintf(out, STORE_NAME_MAX + 1, "%.100s,S=%" PRIu64 ",W=%" PRIu64,
	    tmp, bytes, octets);
}

size_t
maildir_id_len(const char *name)
{
	return strcspn(name, ",:");
}

void
maildir_name_sizes(const char *name, uint64_t *bytes_out, uint64_t *octets_out)
{
	struct span rest = span_of(name);
	ptrdiff_t end;

	*bytes_out = *octets_out = STORE_UNKNOWN;
	if ((end = span_chr(rest, ':')) != -1)
		rest.len = (size_t)end;
	rest = span_sub(rest, maildir_id_len(name), rest.len);
	while (rest.len > 0) {
		struct span field = span_sub(rest, 1, rest.len);
		uint64_t n;

		if ((end = span_chr(field, ',')) != -1)
			field.len = (size_t)end;
		rest = span_sub(rest, 1 + field.len, rest.len);
		if (field.len < 3 || field.data[1] != '=' ||
		    span_u64(span_sub(field, 2, field.len), INT64_MAX, &n) ==
		        -1)
			continue;
		if (field.data[0] == 'S')
			*bytes_out = n;
		else if (field.data[0] == 'W')
			*octets_out = n;
	}
}

int
maildir_name_queue_id(const char *name, uint64_t *out)
{
	size_t digits = strspn(name, "0123456789");
	char id[QUEUE_ID_TEXT];
	const char *q = name + digits;

	if (digits == 0 || q[0] != '.' || q[1] != 'Q' ||
	    strnlen(q + 2, QUEUE_ID_TEXT) < QUEUE_ID_TEXT ||
	    q[2 + QUEUE_ID_TEXT - 1] != '.') {
		errno = EINVAL;
		return -1;
	}
	memcpy(id, q + 2, QUEUE_ID_TEXT - 1);
	id[QUEUE_ID_TEXT - 1] = '\0';
	return queue_id_parse(id, out);
}
