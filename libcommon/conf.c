#include "config.h"
#include "libcommon/conf_int.h"
#include "libcommon/conf_value.h"
#include "libcommon/io.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/log.h"
#include "libcommon/tlsdom.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ERRORS_MAX 20

void
conf_error(struct conf *c, unsigned line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n = 0;

	if (c->nerrors++ >= ERRORS_MAX)
		return;
	if (line > 0)
		n = snprintf(text, sizeof(text), "%s:%u: ", c->path, line);
	else
		n = snprintf(text, sizeof(text), "%s: ", c->path);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	c->complain(c->arg, text);
}

static const struct conf_setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < conf_nsettings; i++)
		if (strcmp(conf_settings[i].name, name) == 0)
			return &conf_settings[i];
	return NULL;
}

/* The setting that was most likely meant: shares the longest start. */
static const char *
setting_like(const char *name)
{
	const char *best = NULL;
	size_t most = 3;

	for (size_t i = 0; i < conf_nsettings; i++) {
		const char *s = conf_settings[i].name;
		size_t n = 0;

		while (s[n] != '\0' && s[n] == name[n])
			n++;
		if (n > most) {
			most = n;
			best = s;
		}
	}
	return best;
}

static char *
absolute(const struct conf *c, const char *value)
{
	char *p;

	if (value[0] == '/' || value[0] == '\0')
		p = strdup(value);
	else if (asprintf(&p, "%s/%s", c->folder, value) == -1)
		p = NULL;
	if (p == NULL)
		fatal("configuration");
	return p;
}

/* A tls-domain with its names as they are compared and its paths absolute. */
static char *
tls_absolute(const struct conf *c, const char *value)
{
	static struct tlsdom d;
	char *certificate, *key, *text, why[201];

	if (tlsdom_parse(value, &d, why) == -1)
		fatalx("bug tls-domain reason=%s", log_quote_str(why));
	certificate = absolute(c, d.certificate);
	key = absolute(c, d.key);
	if (asprintf(&text, "%s %s %s", d.names, certificate, key) == -1)
		fatal("configuration");
	free(certificate);
	free(key);
	return text;
}

/* Check one value and keep it. */
static void
conf_add(struct conf *c, const struct conf_setting *s, unsigned line,
    const char *value)
{
	char why[CONF_WHY_MAX];
	struct line_value *v;
	uint64_t num = 0;

	if (conf_value_check(s, value, &num, why) == -1) {
		conf_error(c, line, "%s: %s", s->name, why);
		return;
	}
	v = realloc(c->values, (c->nvalues + 1) * sizeof(*v));
	if (v == NULL)
		fatal("configuration");
	c->values = v;
	v += c->nvalues++;
	v->setting = s;
	v->line = line;
	v->num = num;
	v->value = s->type == CONF_PATH || s->type == CONF_FILE
	    ? absolute(c, value)
	    : s->type == CONF_TLS ? tls_absolute(c, value)
	                          : strdup(value);
	if (v->value == NULL)
		fatal("configuration");
}

const struct line_value *
conf_find(const struct conf *c, const char *name, unsigned n)
{
	for (size_t i = 0; i < c->nvalues; i++)
		if (strcmp(c->values[i].setting->name, name) == 0 && n-- == 0)
			return &c->values[i];
	return NULL;
}

static void
conf_line(struct conf *c, unsigned line, struct span text)
{
	const struct conf_setting *s;
	const struct line_value *before;
	struct span name, value;
	char name_text[64], value_text[1024];
	size_t n = 0;

	text = span_trim(text);
	if (text.len == 0 || text.data[0] == '#')
		return;
	while (n < text.len && text.data[n] != ' ' && text.data[n] != '\t')
		n++;
	name = span_sub(text, 0, n);
	value = span_trim(span_sub(text, n, text.len));
	if (span_copy(name, name_text, sizeof(name_text)) == -1 ||
	    (s = setting_find(name_text)) == NULL) {
		const char *like = NULL;

		if (span_copy(name, name_text, sizeof(name_text)) == 0)
			like = setting_like(name_text);
		conf_error(c, line, "%s is not a setting%s%s%s",
		    log_quote(name), like ? "; did you mean " : "",
		    like ? like : "", like ? "?" : "; see semail.conf(5)");
		return;
	}
	if (value.len == 0) {
		conf_error(c, line, "%s has no value; write: %s VALUE", s->name,
		    s->name);
		return;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < ' ' || value.data[i] == 0x7f) {
			conf_error(c, line,
			    "%s: a control character in the value", s->name);
			return;
		}
	}
	if (span_copy(value, value_text, sizeof(value_text)) == -1) {
		conf_error(c, line, "%s: the value is too long", s->name);
		return;
	}
	before = conf_find(c, s->name, 0);
	if (before != NULL && !conf_value_repeats(s->type)) {
		conf_error(c, line, "%s is set already in line %u; remove one",
		    s->name, before->line);
		return;
	}
	conf_add(c, s, line, value_text);
}

static void
conf_defaults(struct conf *c)
{
	for (size_t i = 0; i < conf_nsettings; i++) {
		const struct conf_setting *s = &conf_settings[i];
		char host[256] = "";

		if (conf_find(c, s->name, 0) != NULL ||
		    conf_value_repeats(s->type))
			continue;
		if (strcmp(s->name, "hostname") == 0) {
			if (gethostname(host, sizeof(host) - 1) == -1 ||
			    host[0] == '\0')
				snprintf(host, sizeof(host), "localhost");
			conf_add(c, s, 0, host);
			continue;
		}
		conf_add(c, s, 0, s->value);
	}
}

/* The nth line of those that name an LDAP source. */
const struct line_value *
conf_find_ldap(const struct conf *c, unsigned n)
{
	for (size_t i = 0; i < c->nvalues; i++)
		if (c->values[i].setting->type == CONF_LDAP && n-- == 0)
			return &c->values[i];
	return NULL;
}

static bool
ldap_needs_ca(const struct conf *c, const struct ldapsrc *src)
{
	bool remote = strcmp(conf_get(c, "ldap-starttls"), "remote") == 0;

	for (unsigned i = 0; i < src->nendpoints; i++)
		if (src->endpoints[i].tls || !remote ||
		    !src->endpoints[i].loopback)
			return true;
	return false;
}

static void
conf_ldap_together(struct conf *c)
{
	static struct ldapsrc srcs[LDAPSRC_MAX];
	const struct line_value *v;
	char why[201];
	unsigned n;

	for (n = 0; (v = conf_find_ldap(c, n)) != NULL; n++) {
		if (n == LDAPSRC_MAX) {
			conf_error(c, v->line,
			    "there are more than %d LDAP "
			    "sources",
			    LDAPSRC_MAX);
			return;
		}
		if (ldapsrc_parse(v->value, v->setting->words != NULL, &srcs[n],
		        why) == -1)
			return;
		for (unsigned i = 0; i < n; i++)
			if (strcmp(srcs[i].name, srcs[n].name) == 0)
				conf_error(c, v->line,
				    "LDAP source %s is set "
				    "already in line %u; choose another name",
				    srcs[n].name, conf_find_ldap(c, i)->line);
		if (ldap_needs_ca(c, &srcs[n]) &&
		    conf_get(c, "ldap-ca-file")[0] == '\0')
			conf_error(c, v->line,
			    "%s %s speaks TLS and needs "
			    "ldap-ca-file",
			    v->setting->name, srcs[n].name);
	}
	if ((conf_get(c, "ldap-search-dn")[0] == '\0') !=
	    (conf_get(c, "ldap-search-password-file")[0] == '\0'))
		conf_error(c, 0,
		    "ldap-search-dn and ldap-search-password-file "
		    "go together; set both or none");
}

/* What no single line can tell. */
static void
conf_together(struct conf *c)
{
	const struct line_value *v;
	unsigned char bytes[1];

	if ((conf_get(c, "tls-certificate")[0] == '\0') !=
	    (conf_get(c, "tls-key")[0] == '\0'))
		conf_error(c, 0,
		    "tls-certificate and tls-key go together; "
		    "set both or none");
	if (conf_get_num(c, "queue-segment-size") * 2 >
	    conf_get_num(c, "queue-log-size")) {
		v = conf_find(c, "queue-log-size", 0);
		conf_error(c, v->line,
		    "queue-log-size must be at least twice "
		    "queue-segment-size");
	}
	if (conf_get_num(c, "queue-retry-min") >
	    conf_get_num(c, "queue-retry-max"))
		conf_error(c, conf_find(c, "queue-retry-min", 0)->line,
		    "queue-retry-min is more than queue-retry-max");
	if (conf_get_num(c, "uid-first") > conf_get_num(c, "uid-last"))
		conf_error(c, conf_find(c, "uid-first", 0)->line,
		    "uid-first is more than uid-last");
	if ((conf_get_nth(c, "listen-submissions", 0) != NULL ||
	        conf_get_nth(c, "listen-pop3s", 0) != NULL) &&
	    conf_get(c, "tls-certificate")[0] == '\0' &&
	    conf_get_nth(c, "tls-domain", 0) == NULL)
		conf_error(c, 0,
		    "listen-submissions and listen-pop3s need "
		    "tls-certificate and tls-key");
	conf_ldap_together(c);
	v = conf_find(c, "hostname", 0);
	for (const char *p = v->value; *p != '\0'; p++) {
		bytes[0] = (unsigned char)*p;
		if (!((bytes[0] >= 'a' && bytes[0] <= 'z') ||
		        (bytes[0] >= 'A' && bytes[0] <= 'Z') ||
		        (bytes[0] >= '0' && bytes[0] <= '9') ||
		        bytes[0] == '-' || bytes[0] == '.')) {
			conf_error(c, v->line,
			    "hostname: \"%s\" is no host name", v->value);
			break;
		}
	}
}

struct conf *
conf_read(const char *path, void (*complain)(void *, const char *), void *arg)
{
	struct conf *c = calloc(1, sizeof(*c));
	struct buf text;
	struct span rest;
	unsigned line = 0;
	ptrdiff_t end;
	char *slash;

	if (c == NULL || (c->path = realpath(path, NULL)) == NULL) {
		char why[1024];

		snprintf(why, sizeof(why), "%s: %s", path, strerror(errno));
		complain(arg, why);
		free(c);
		return NULL;
	}
	if ((c->folder = strdup(c->path)) == NULL)
		fatal("configuration");
	slash = strrchr(c->folder, '/');
	*slash = '\0';
	c->complain = complain;
	c->arg = arg;
	buf_init(&text, CONF_FILE_MAX);
	if (io_slurp_path(c->path, CONF_FILE_MAX, &text) == -1)
		conf_error(c, 0, "cannot read: %s", strerror(errno));
	for (rest = buf_span(&text); rest.len > 0;) {
		end = span_chr(rest, '\n');
		line++;
		conf_line(c, line,
		    span_sub(rest, 0, end == -1 ? rest.len : (size_t)end));
		rest = span_sub(rest, end == -1 ? rest.len : (size_t)end + 1,
		    rest.len);
	}
	buf_clear(&text);
	if (c->nerrors == 0) {
		conf_defaults(c);
		conf_together(c);
	}
	if (c->nerrors > ERRORS_MAX) {
		char more[64];

		snprintf(more, sizeof(more), "... and %u more errors",
		    c->nerrors - ERRORS_MAX);
		complain(arg, more);
	}
	if (c->nerrors > 0)
		conf_free(&c);
	return c;
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->nvalues; i++)
		free(c->values[i].value);
	free(c->values);
	free(c->folder);
	free(c->path);
	free(c);
}

static const struct line_value *
conf_must(const struct conf *c, const char *name)
{
	const struct line_value *v = conf_find(c, name, 0);

	if (v == NULL)
		fatalx("bug there is no setting=%s", name);
	return v;
}

const char *
conf_get(const struct conf *c, const char *name)
{
	return conf_must(c, name)->value;
}

uint64_t
conf_get_num(const struct conf *c, const char *name)
{
	return conf_must(c, name)->num;
}

bool
conf_get_flag(const struct conf *c, const char *name)
{
	return strcmp(conf_get(c, name), "yes") == 0;
}

const char *
conf_get_nth(const struct conf *c, const char *name, unsigned n)
{
	const struct line_value *v = conf_find(c, name, n);

	return v == NULL ? NULL : v->value;
}

const char *
conf_where(const struct conf *c, const char *name)
{
	return conf_where_nth(c, name, 0);
}

const char *
conf_where_nth(const struct conf *c, const char *name, unsigned n)
{
	static char text[1024];
	const struct line_value *v = conf_find(c, name, n);

	if (v == NULL || v->line == 0)
		return "default";
	snprintf(text, sizeof(text), "%s:%u", c->path, v->line);
	return text;
}
