#include "config.h"
#include "libcommon/conf.h"
#include "libcommon/conf_value.h"
#include "libcommon/io.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/log.h"
#include "libcommon/resolv.h"
#include "libcommon/tlsdom.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1024 * 1024)
#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"
#define ERRORS_MAX 20

struct line_value {
	const struct conf_setting *setting;
	unsigned line; /* 0: the default */
	char *value;   /* owned; paths made absolute */
	uint64_t num;
};

struct conf {
	char *path;
	char *folder; /* of path, for relative paths */
	struct line_value *values;
	size_t nvalues;
	unsigned nerrors;
	void (*complain)(void *, const char *);
	void *arg;
};

__attribute__((format(printf, 3, 4))) static void
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

static const struct line_value *
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
static const struct line_value *
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
	buf_init(&text, FILE_MAX_BYTES);
	if (io_slurp_path(c->path, FILE_MAX_BYTES, &text) == -1)
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

/* 0, or -1 after complaining. */
static int
slurp(struct conf *c, const struct line_value *v, const char *path, bool secret,
    struct buf *out)
{
	struct stat st;

	if (io_slurp_path(path, FILE_MAX_BYTES, out) == -1) {
		conf_error(c, v->line, "%s: cannot read %s: %s",
		    v->setting->name, path, strerror(errno));
		return -1;
	}
	/* A secret that others on the machine can read is none. */
	if (secret && stat(path, &st) == 0 && (st.st_mode & 077 & ~040) != 0) {
		conf_error(c, v->line,
		    "%s: %s can be read or written by others; chmod 600 it",
		    v->setting->name, path);
		return -1;
	}
	return 0;
}

/* The same values, another listener. */
static struct conf
conf_for(const struct conf *conf, void (*complain)(void *, const char *),
    void *arg)
{
	struct conf c = *conf;

	c.complain = complain;
	c.arg = arg;
	c.nerrors = 0;
	return c;
}

int
conf_slurp(const struct conf *conf, const char *name, unsigned n,
    const char *path, bool secret, struct buf *out,
    void (*complain)(void *, const char *), void *arg)
{
	struct conf c = conf_for(conf, complain, arg);

	return slurp(&c, conf_find(conf, name, n), path, secret, out);
}

/* A file's contents under the setting's name. */
static int
hand_over_file(struct conf *c, const struct line_value *v, struct handover *ho)
{
	const char *name = v->setting->name;
	struct buf bytes;
	int r = 0;

	buf_init(&bytes, FILE_MAX_BYTES);
	if (v->value[0] != '\0')
		r = slurp(c, v, v->value,
		    strstr(name, "key") != NULL ||
		        strstr(name, "password") != NULL,
		    &bytes);
	if (r == 0)
		ho_set(ho, name, buf_span(&bytes));
	buf_clear(&bytes);
	return r;
}

/* All lines of a repeatable setting, also when there are none. */
static void
hand_over_lines(const struct conf *c, const struct conf_setting *s,
    struct handover *ho)
{
	const struct line_value *v;
	struct buf lines;

	buf_init(&lines, HO_MAX);
	for (unsigned n = 0; (v = conf_find(c, s->name, n)) != NULL; n++) {
		buf_puts(&lines, v->value);
		buf_putc(&lines, '\n');
	}
	ho_set(ho, s->name, buf_span(&lines));
	buf_clear(&lines);
}

/* One of our names as hosts(5) has it. */
static void
put_host(struct span hosts, const char *name, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	struct endpoint at[8];
	unsigned n = resolv_hosts(hosts, span_of(name), at, nitems(at));

	for (unsigned i = 0; i < n; i++) {
		endpoint_text(&at[i], text);
		buf_printf(out, "%s %s\n", text, name);
	}
}

/* What the files of the system say, as data; one that is not there says
 * nothing. */
static void
hand_over_resolver(const struct conf *c, const struct line_value *v,
    struct handover *ho)
{
	static struct ldapsrc src;
	const struct line_value *line;
	struct buf text, out;
	char why[201];

	buf_init(&text, FILE_MAX_BYTES);
	buf_init(&out, HO_MAX);
	if (v->value[0] != '\0') {
		buf_puts(&out, v->value);
	} else {
		if (io_slurp_path(RESOLV_CONF, FILE_MAX_BYTES, &text) == -1)
			buf_clear(&text);
		resolv_conf(buf_span(&text), &out);
	}
	ho_set(ho, v->setting->name, buf_span(&out));
	buf_clear(&text);
	buf_clear(&out);
	if (io_slurp_path(HOSTS, FILE_MAX_BYTES, &text) == -1)
		buf_clear(&text);
	for (unsigned n = 0; (line = conf_find_ldap(c, n)) != NULL; n++)
		if (ldapsrc_parse(line->value, line->setting->words != NULL,
		        &src, why) == 0)
			for (unsigned i = 0; i < src.nendpoints; i++)
				if (src.endpoints[i].name[0] != '\0')
					put_host(buf_span(&text),
					    src.endpoints[i].name, &out);
	ho_set(ho, "hosts", buf_span(&out));
	buf_clear(&text);
	buf_clear(&out);
}

int
conf_hand_over(const struct conf *conf, struct handover *ho,
    void (*complain)(void *, const char *), void *arg)
{
	struct conf c = conf_for(conf, complain, arg);
	char num[32];
	int r = 0;

	for (size_t i = 0; i < conf_nsettings; i++)
		if (conf_settings[i].type == CONF_LDAP &&
		    (conf_settings[i].roles & 1u << ho->role))
			hand_over_lines(conf, &conf_settings[i], ho);
	for (size_t i = 0; i < conf->nvalues; i++) {
		const struct line_value *v = &conf->values[i];

		if (!(v->setting->roles & 1u << ho->role))
			continue;
		switch (v->setting->type) {
		case CONF_FILE:
			if (hand_over_file(&c, v, ho) == -1)
				r = -1;
			break;
		case CONF_NUM:
		case CONF_SIZE:
		case CONF_TIME:
			snprintf(num, sizeof(num), "%llu",
			    (unsigned long long)v->num);
			ho_set(ho, v->setting->name, span_of(num));
			break;
		case CONF_LDAP: /* above */
			break;
		case CONF_RESOLVER:
			hand_over_resolver(conf, v, ho);
			break;
		default:
			ho_set(ho, v->setting->name, span_of(v->value));
		}
	}
	return r;
}
