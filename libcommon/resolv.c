#include "config.h"
#include "libcommon/resolv.h"

/* The next line of a text, without what follows a comment sign. */
static bool
next_line(struct span *text, const char *signs, struct span *line_out)
{
	ptrdiff_t nl = span_chr(*text, '\n');
	size_t len = nl == -1 ? text->len : (size_t)nl, n = 0;

	if (text->len == 0)
		return false;
	while (n < len &&
	    (text->data[n] == '\0' || strchr(signs, text->data[n]) == NULL))
		n++;
	*line_out = span_sub(*text, 0, n);
	*text = span_sub(*text, nl == -1 ? len : len + 1, text->len);
	return true;
}

/* The next word of a line, "" at its end. */
static struct span
next_word(struct span *line)
{
	static const char blanks[] = " \t\r\v\f";
	struct span word;
	size_t n = 0;

	while (line->len > 0 && line->data[0] != '\0' &&
	    strchr(blanks, line->data[0]) != NULL)
		*line = span_sub(*line, 1, line->len);
	while (n < line->len &&
	    (line->data[n] == '\0' || strchr(blanks, line->data[n]) == NULL))
		n++;
	word = span_sub(*line, 0, n);
	*line = span_sub(*line, n, line->len);
	return word;
}

int
resolv_servers(struct span list, struct endpoint out[static RESOLV_SERVERS_MAX])
{
	struct span word, host;
	int n = 0;

	while ((word = next_word(&list)).len > 0) {
		uint16_t port = RESOLV_PORT;

		if (n == RESOLV_SERVERS_MAX ||
		    endpoint_split(word, &host, &port) == -1 ||
		    endpoint_numeric(host, port, &out[n++]) == -1)
			return -1;
	}
	return n > 0 ? n : -1;
}

void
resolv_conf(struct span text, struct buf *list_out)
{
	struct span line, word;
	struct endpoint e;
	unsigned n = 0;

	while (n < RESOLV_SERVERS_MAX && next_line(&text, "#;", &line)) {
		if (!span_is(next_word(&line), "nameserver"))
			continue;
		/* An address with a scope (fe80::1%eth0) is none to c-ares. */
		word = next_word(&line);
		if (endpoint_numeric(word, RESOLV_PORT, &e) == -1)
			continue;
		if (n++ > 0)
			buf_putc(list_out, ' ');
		if (e.addr.sa.sa_family == AF_INET6)
			buf_putc(list_out, '[');
		buf_put_span(list_out, word);
		if (e.addr.sa.sa_family == AF_INET6)
			buf_putc(list_out, ']');
	}
	if (n == 0)
		buf_puts(list_out, "127.0.0.1");
}

static bool
same_name(struct span a, struct span b)
{
	char name[256];

	if (a.len > 0 && a.data[a.len - 1] == '.')
		a.len--;
	return span_copy(b, name, sizeof(name)) == 0 && span_is_icase(a, name);
}

unsigned
resolv_hosts(struct span text, struct span name, struct endpoint *out,
    unsigned max)
{
	struct span line, word, address;
	unsigned n = 0;

	if (same_name(span_of("localhost"), name))
		text = span_of("::1 localhost\n127.0.0.1 localhost\n");
	while (n < max && next_line(&text, "#", &line)) {
		address = next_word(&line);
		if (endpoint_numeric(address, 0, &out[n]) == -1)
			continue;
		while ((word = next_word(&line)).len > 0) {
			if (same_name(word, name)) {
				n++;
				break;
			}
		}
	}
	return n;
}
