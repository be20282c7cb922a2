#include "client/field.h"

#include <string.h>

/* What follows the backslash, and what it stands for. */
static const char letters[5] = "p\\rn0";
static const char bytes[5] = "|\\\r\n"; /* its NUL is the fifth */

size_t
semail_field_size(const void *field, size_t n)
{
	const char *in = field;
	size_t len = n;

	for (size_t i = 0; i < n; i++)
		len += memchr(bytes, in[i], sizeof(bytes)) != NULL;
	return len;
}

size_t
semail_field_put(char *out, const void *field, size_t n)
{
	const char *in = field, *e;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if ((e = memchr(bytes, in[i], sizeof(bytes))) == NULL) {
			out[len++] = in[i];
		} else {
			out[len++] = '\\';
			out[len++] = letters[e - bytes];
		}
	}
	return len;
}

int
semail_field_get(void *out, size_t *out_len, const void *in, size_t n)
{
	const char *from = in, *e;
	char *to = out;

	*out_len = 0;
	for (size_t i = 0; i < n; i++) {
		char c = from[i];

		if (c == '\\') {
			if (++i == n ||
			    (e = memchr(letters, from[i], sizeof(letters))) ==
			        NULL)
				return -1;
			c = bytes[e - letters];
		} else if (memchr(bytes, c, sizeof(bytes)) != NULL) {
			return -1;
		}
		to[(*out_len)++] = c;
	}
	return 0;
}
