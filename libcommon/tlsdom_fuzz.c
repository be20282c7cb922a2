/*
 * A line, a NUL, a name that a client asks for.  The names of a good line are
 * found again, and a wildcard stands for one label.
 */
#include "config.h"
#include "libcommon/tlsdom.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must_find(struct tlsdom_table *t, struct span name)
{
	char text[400];
	size_t id;
	bool any = name.data[0] == '*';

	snprintf(text, sizeof(text), "%s%.*s", any ? "0" : "",
	    (int)(any ? name.len - 1 : name.len),
	    (const char *)name.data + (any ? 1 : 0));
	/* With its star's label it may be longer than a name can be. */
	if (!tlsdom_find(t, text, &id) && strlen(text) <= 255)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n), asked = { NULL, 0 }, names, name;
	struct tlsdom_table t = { 0 };
	char text[2048], sni[300], why[201];
	ptrdiff_t nul = span_chr(in, '\0');
	static struct tlsdom d;
	size_t id;

	if (nul >= 0) {
		asked = span_sub(in, (size_t)nul + 1, n);
		in = span_sub(in, 0, (size_t)nul);
	}
	if (span_copy(in, text, sizeof(text)) == -1 ||
	    tlsdom_parse(text, &d, why) == -1)
		return 0;
	if (d.certificate[0] == '\0' || d.key[0] == '\0')
		abort();
	tlsdom_add(&t, d.names, 7);
	names = span_of(d.names);
	while (tlsdom_next(&names, &name))
		must_find(&t, name);
	if (span_copy(asked, sni, sizeof(sni)) == 0 &&
	    tlsdom_find(&t, sni, &id) && id != 7)
		abort();
	tlsdom_clear(&t);
	return 0;
}
