#include "config.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/addr.h"

#include <stdio.h>

#define PORT_LDAP 389
#define PORT_LDAPS 636

bool
ldapsrc_name_ok(struct span s)
{
	if (s.len == 0 || s.len > LDAPSRC_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		        (c >= '0' && c <= '9') ||
		        (i > 0 && (c == '-' || c == '_' || c == '.'))))
			return false;
	}
	return true;
}

/* The next word; *rest gets what follows it and its blanks. */
static struct span
word(struct span *rest)
{
	struct span w;
	size_t n = 0;

	while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
		n++;
	w = span_sub(*rest, 0, n);
	*rest = span_trim(span_sub(*rest, n, rest->len));
	return w;
}

/* ---- URLs ------------------------------------------------------------------ */

static bool
host_ok(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		        (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		        c == ':'))
			return false;
	}
	return s.len > 0;
}

/* A name that DNS could know; one that ends in a number is a numeric address
 * that went wrong. */
static int
read_name(struct span s, char out[static ADDR_DOMAIN_MAX + 1])
{
	const char *last;

	if (addr_domain(s, out) == -1)
		return -1;
	last = strrchr(out, '.');
	last = last == NULL ? out : last + 1;
	return strspn(last, "0123456789") == strlen(last) ? -1 : 0;
}

/* HOST or HOST:PORT */
static int
read_host(struct span s, uint16_t port, struct ldapsrc_endpoint *out)
{
	struct span host;

	if (endpoint_split(s, &host, &port) == -1)
		return -1;
	out->port = port;
	if (endpoint_numeric(host, port, &out->at) == 0) {
		out->loopback = endpoint_is_loopback(&out->at);
		return span_copy(host, out->host, sizeof(out->host));
	}
	if (read_name(host, out->name) == -1)
		return -1;
	out->loopback = strcmp(out->name, "localhost") == 0;
	memcpy(out->host, out->name, sizeof(out->host));
	return 0;
}

static int
read_url(struct span s, struct ldapsrc_endpoint *out, char why[static 201])
{
	struct span name;
	ptrdiff_t hash = span_chr(s, '#');

	memset(out, 0, sizeof(*out));
	if (hash != -1) {
		name = span_sub(s, (size_t)hash + 1, s.len);
		s = span_sub(s, 0, (size_t)hash);
		if (!host_ok(name)) {
			snprintf(why, 201,
			    "after # stands the host name in "
			    "the server's certificate");
			return -1;
		}
	}
	out->tls = span_has_prefix_icase(s, "ldaps://");
	if (!out->tls && !span_has_prefix_icase(s, "ldap://")) {
		snprintf(why, 201, "a URL begins with ldap:// or ldaps://");
		return -1;
	}
	if (read_host(span_sub(s, out->tls ? 8 : 7, s.len),
	        out->tls ? PORT_LDAPS : PORT_LDAP, out) == -1) {
		snprintf(why, 201,
		    "the server must be a host name or a numeric "
		    "address, and perhaps a port: ldaps://ldap.example.org or "
		    "ldaps://[2001:db8::5]:1636#ldap.example.org");
		return -1;
	}
	if (hash != -1 && span_copy(name, out->host, sizeof(out->host)) == -1) {
		snprintf(why, 201, "the name after # is too long");
		return -1;
	}
	return 0;
}

static int
read_urls(struct span s, struct ldapsrc *out, char why[static 201])
{
	ptrdiff_t comma;

	do {
		comma = span_chr(s, ',');
		if (out->nendpoints == LDAPSRC_ENDPOINTS_MAX) {
			snprintf(why, 201, "there are more than %d servers",
			    LDAPSRC_ENDPOINTS_MAX);
			return -1;
		}
		if (read_url(span_sub(s, 0,
		                 comma == -1 ? s.len : (size_t)comma),
		        &out->endpoints[out->nendpoints++], why) == -1)
			return -1;
		s = span_sub(s, (size_t)comma + 1, s.len);
	} while (comma != -1);
	return 0;
}

/* ---- templates ------------------------------------------------------------- */

/* Each % is followed by a letter we know, and the result says whose it is. */
static int
check_template(const char *t, char why[static 201])
{
	bool whose = false;

	for (const char *p = t; *p != '\0'; p++) {
		if (*p != '%')
			continue;
		p++;
		if (*p == '\0' || strchr("udm%", *p) == NULL) {
			snprintf(why, 201,
			    "after %% stands u (login), "
			    "d (domain), m (address) or %%");
			return -1;
		}
		if (*p == 'u' || *p == 'm')
			whose = true;
	}
	if (!whose) {
		snprintf(why, 201,
		    "the template names nobody: it needs %%u "
		    "(login) or %%m (address)");
		return -1;
	}
	return 0;
}

static int
read_search(struct span s, struct ldapsrc *out, char why[static 201])
{
	static const char *const scopes[] = { "base", "one", "sub" };
	ptrdiff_t q = span_chr(s, '?'), q2;
	struct span scope, filter;
	int depth = 0;

	q2 = q == -1 ? -1 : span_chr(span_sub(s, (size_t)q + 1, s.len), '?');
	if (q2 == -1) {
		snprintf(why, 201, "after the URL stands BASE?SCOPE?FILTER");
		return -1;
	}
	scope = span_sub(s, (size_t)q + 1, (size_t)q2);
	filter = span_sub(s, (size_t)(q + q2) + 2, s.len);
	if (span_copy(span_sub(s, 0, (size_t)q), out->base,
	        sizeof(out->base)) == -1 ||
	    span_copy(filter, out->template, sizeof(out->template)) == -1) {
		snprintf(why, 201, "the base or the filter is too long");
		return -1;
	}
	for (size_t i = 0; i < nitems(scopes); i++) {
		if (span_is_icase(scope, scopes[i])) {
			out->scope = (enum ldapsrc_scope)i;
			break;
		}
		if (i + 1 == nitems(scopes)) {
			snprintf(why, 201,
			    "the scope must be base, one or sub");
			return -1;
		}
	}
	for (size_t i = 0; i < filter.len; i++) {
		depth += filter.data[i] == '(' ? 1
		    : filter.data[i] == ')'    ? -1
		                               : 0;
		if (depth < 1 && i + 1 < filter.len)
			depth = -1000; /* closed before its end */
	}
	if (depth != 0 || filter.len == 0) {
		snprintf(why, 201,
		    "the filter must stand in parentheses that "
		    "match: (mail=%%m)");
		return -1;
	}
	return 0;
}

int
ldapsrc_parse(const char *value, bool search, struct ldapsrc *out,
    char why[static 201])
{
	struct span rest = span_trim(span_of(value)), name = word(&rest),
	            urls = word(&rest);

	memset(out, 0, sizeof(*out));
	out->search = search;
	if (rest.len == 0) {
		snprintf(why, 201, "write NAME URL %s",
		    search ? "BASE?SCOPE?FILTER" : "DN-TEMPLATE");
		return -1;
	}
	if (!ldapsrc_name_ok(name)) {
		snprintf(why, 201,
		    "the name has 1 to %d letters, digits, "
		    "'-', '_', '.'",
		    LDAPSRC_NAME_MAX);
		return -1;
	}
	span_copy(name, out->name, sizeof(out->name));
	if (read_urls(urls, out, why) == -1)
		return -1;
	if (search) {
		if (read_search(rest, out, why) == -1)
			return -1;
	} else if (span_copy(rest, out->template, sizeof(out->template)) ==
	    -1) {
		snprintf(why, 201, "the DN template is too long");
		return -1;
	} else if (strchr(out->template, '=') == NULL) {
		snprintf(why, 201,
		    "the DN template is none: write "
		    "uid=%%u,ou=people,dc=example,dc=org");
		return -1;
	}
	return check_template(out->template, why);
}

/* ---- lines ------------------------------------------------------------------- */

static bool
next_line(struct span *lines, struct span *line_out)
{
	ptrdiff_t nl = span_chr(*lines, '\n');

	if (nl == -1)
		return false;
	*line_out = span_sub(*lines, 0, (size_t)nl);
	*lines = span_sub(*lines, (size_t)nl + 1, lines->len);
	return true;
}

bool
ldapsrc_is_named(struct span lines, struct span name)
{
	struct span line;

	while (next_line(&lines, &line))
		if (span_eq(word(&line), name))
			return true;
	return false;
}

unsigned
ldapsrc_all(struct span ldap_lines, struct span search_lines,
    struct ldapsrc out[static LDAPSRC_MAX])
{
	struct span lines[2] = { ldap_lines, search_lines }, line;
	char text[2048], why[201];
	unsigned n = 0;

	for (int i = 0; i < 2; i++)
		while (n < LDAPSRC_MAX && next_line(&lines[i], &line))
			if (span_copy(line, text, sizeof(text)) == 0 &&
			    ldapsrc_parse(text, i == 1, &out[n], why) == 0)
				n++;
	return n;
}

/* ---- values -------------------------------------------------------------------- */

static void
put_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		    c == '-' || c == '@')
			buf_putc(out, c);
		else
			buf_printf(out, "\\%02x", c);
	}
}

void
ldapsrc_expand(const char *template, const struct ldapsrc_who *who,
    struct buf *out)
{
	for (const char *p = template; *p != '\0'; p++) {
		if (*p != '%' || p[1] == '\0') {
			buf_putc(out, *p);
			continue;
		}
		switch (*++p) {
		case 'u':
			put_escaped(out, who->login);
			break;
		case 'd':
			put_escaped(out, who->domain);
			break;
		case 'm':
			put_escaped(out, who->login);
			if (who->domain.len > 0)
				buf_putc(out, '@');
			put_escaped(out, who->domain);
			break;
		default:
			buf_putc(out, *p);
		}
	}
}
