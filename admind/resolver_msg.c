#include "config.h"
#include "admind/resolver.h"

#include "libcommon/wire.h"

/* wire: u32 id, u8 result, text why, u8 n, n times bytes: an address */
void
resolver_answer_put(struct buf *b, const struct resolver_answer *a)
{
	wire_put_u32(b, a->id);
	wire_put_u8(b, (uint8_t)a->result);
	wire_put_str(b, a->why);
	wire_put_u8(b, (uint8_t)a->found.n);
	for (unsigned i = 0; i < a->found.n; i++) {
		const struct endpoint *e = &a->found.at[i];

		if (e->addr.sa.sa_family == AF_INET6)
			wire_put_bytes(b,
			    span_from(&e->addr.in6.sin6_addr, 16));
		else
			wire_put_bytes(b, span_from(&e->addr.in4.sin_addr, 4));
	}
}

int
resolver_answer_get(struct span in, struct resolver_answer *out)
{
	struct span bytes;
	struct wire w;
	uint8_t result;

	memset(out, 0, sizeof(*out));
	wire_init(&w, in);
	out->id = wire_u32(&w);
	result = wire_u8(&w);
	wire_cstr(&w, out->why, sizeof(out->why));
	out->found.n = wire_u8(&w);
	if (out->found.n > DNS_ADDRESSES_MAX || result >= DNS__COUNT ||
	    (out->found.n > 0) != (result == DNS_FOUND))
		return -1;
	out->result = (enum dns_result)result;
	for (unsigned i = 0; i < out->found.n; i++) {
		bytes = wire_bytes(&w, 16);
		if (bytes.len != 4 && bytes.len != 16)
			return -1;
		endpoint_bytes(bytes, 0, &out->found.at[i]);
	}
	return wire_done(&w);
}
