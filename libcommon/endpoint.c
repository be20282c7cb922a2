#include "config.h"
#include "libcommon/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

int
endpoint_split(struct span s, struct span *host_out, uint16_t *port)
{
	struct span rest;
	struct endpoint e;
	ptrdiff_t end;
	uint64_t n;

	if (s.len > 0 && s.data[0] == '[') {
		if ((end = span_chr(s, ']')) == -1)
			return -1;
		*host_out = span_sub(s, 1, (size_t)end - 1);
		rest = span_sub(s, (size_t)end + 1, s.len);
		if (endpoint_numeric(*host_out, 0, &e) == -1 ||
		    e.addr.sa.sa_family != AF_INET6)
			return -1;
	} else {
		end = span_chr(s, ':');
		*host_out = span_sub(s, 0, end == -1 ? s.len : (size_t)end);
		rest = span_sub(s, host_out->len, s.len);
	}
	if (host_out->len == 0)
		return -1;
	if (rest.len == 0)
		return 0;
	if (rest.data[0] != ':' ||
	    span_u64(span_sub(rest, 1, rest.len), 65535, &n) == -1 || n == 0)
		return -1;
	*port = (uint16_t)n;
	return 0;
}

int
endpoint_numeric(struct span address, uint16_t port, struct endpoint *out)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];

	if (span_copy(address, text, sizeof(text)) == -1)
		return -1;
	if (inet_pton(AF_INET, text, bytes) == 1)
		endpoint_bytes(span_from(bytes, 4), port, out);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		endpoint_bytes(span_from(bytes, 16), port, out);
	else
		return -1;
	return 0;
}

void
endpoint_bytes(struct span bytes, uint16_t port, struct endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (bytes.len == 4) {
		out->addr.in4.sin_family = AF_INET;
		memcpy(&out->addr.in4.sin_addr, bytes.data, 4);
		out->len = sizeof(out->addr.in4);
	} else {
		out->addr.in6.sin6_family = AF_INET6;
		memcpy(&out->addr.in6.sin6_addr, bytes.data, 16);
		out->len = sizeof(out->addr.in6);
	}
	endpoint_set_port(out, port);
}

void
endpoint_text(const struct endpoint *e, char out[static INET6_ADDRSTRLEN])
{
	if (e->addr.sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &e->addr.in6.sin6_addr, out,
		    INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET, &e->addr.in4.sin_addr, out,
		    INET6_ADDRSTRLEN);
}

void
endpoint_set_port(struct endpoint *e, uint16_t port)
{
	if (e->addr.sa.sa_family == AF_INET6)
		e->addr.in6.sin6_port = htons(port);
	else
		e->addr.in4.sin_port = htons(port);
}

bool
endpoint_is_loopback(const struct endpoint *e)
{
	if (e->addr.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&e->addr.in6.sin6_addr);
	return ntohl(e->addr.in4.sin_addr.s_addr) >> 24 == 127;
}

int
endpoint_dial(const struct endpoint *e, int type)
{
	int s = socket(e->addr.sa.sa_family,
	        type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	    error;

	if (s == -1)
		return -1;
	if (connect(s, &e->addr.sa, e->len) == 0 || errno == EINPROGRESS)
		return s;
	error = errno;
	close(s);
	errno = error;
	return -1;
}
