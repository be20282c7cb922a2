#include "config.h"
#include "libcommon/netlist.h"
#include "libcommon/endpoint.h"

#include <stdio.h>

#define MAPPED_BITS 96

/* The 16 bytes of an address; how many of the prefix's bits are not its own. */
static int
address_bytes(struct span text, unsigned char out[static 16],
    unsigned *mapped_out)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct endpoint e;

	if (endpoint_numeric(text, 0, &e) == -1)
		return -1;
	*mapped_out = 0;
	if (e.addr.sa.sa_family == AF_INET6) {
		memcpy(out, &e.addr.in6.sin6_addr, 16);
		return 0;
	}
	*mapped_out = MAPPED_BITS;
	memcpy(out, mapped, sizeof(mapped));
	memcpy(out + sizeof(mapped), &e.addr.in4.sin_addr, 4);
	return 0;
}

static bool
same_bits(const unsigned char *a, const unsigned char *b, unsigned n)
{
	unsigned rest = n % 8;

	if (memcmp(a, b, n / 8) != 0)
		return false;
	return rest == 0 || (a[n / 8] ^ b[n / 8]) >> (8 - rest) == 0;
}

static bool
has_host_bits(const struct network *net)
{
	for (unsigned i = net->prefix; i < 128; i++)
		if (net->address[i / 8] & 0x80u >> i % 8)
			return true;
	return false;
}

static int
read_network(struct span text, struct network *out, char why[static 201])
{
	ptrdiff_t slash = span_chr(text, '/');
	struct span address = span_sub(text, 0,
	    slash == -1 ? text.len : (size_t)slash);
	unsigned mapped;
	uint64_t bits;

	if (address_bytes(address, out->address, &mapped) == -1) {
		snprintf(why, 201,
		    "\"%.*s\" is no network; write 192.0.2.0/24 "
		    "or 2001:db8::/32",
		    (int)(text.len < 80 ? text.len : 80),
		    (const char *)text.data);
		return -1;
	}
	bits = 128 - mapped;
	if (slash != -1 &&
	    span_u64(span_sub(text, (size_t)slash + 1, text.len), 128 - mapped,
	        &bits) == -1) {
		snprintf(why, 201,
		    "\"%.*s\" has no prefix from 0 to %u behind "
		    "the slash",
		    (int)(text.len < 80 ? text.len : 80),
		    (const char *)text.data, 128 - mapped);
		return -1;
	}
	out->prefix = mapped + (unsigned)bits;
	if (has_host_bits(out)) {
		snprintf(why, 201,
		    "\"%.*s\" has bits behind its prefix; "
		    "is it an address, or a wider network?",
		    (int)(text.len < 80 ? text.len : 80),
		    (const char *)text.data);
		return -1;
	}
	return 0;
}

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

int
netlist_parse(struct span text, struct netlist *out, char why[static 201])
{
	size_t i = 0, from;

	out->n = 0;
	for (;;) {
		while (i < text.len && is_blank(text.data[i]))
			i++;
		if (i == text.len)
			return 0;
		from = i;
		while (i < text.len && !is_blank(text.data[i]))
			i++;
		if (out->n == NETLIST_MAX) {
			snprintf(why, 201, "there are more than %d networks",
			    NETLIST_MAX);
			return -1;
		}
		if (read_network(span_sub(text, from, i - from),
		        &out->net[out->n++], why) == -1)
			return -1;
	}
}

bool
netlist_has(const struct netlist *list, const char *address)
{
	unsigned char bytes[16];
	unsigned mapped;

	if (list->n == 0 ||
	    address_bytes(span_of(address), bytes, &mapped) == -1)
		return false;
	for (unsigned i = 0; i < list->n; i++)
		if (same_bits(bytes, list->net[i].address, list->net[i].prefix))
			return true;
	return false;
}
