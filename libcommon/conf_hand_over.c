/*
 * What each role is handed of the configuration: values, and the contents of the
 * files that they name.
 */
#include "config.h"
#include "libcommon/conf_int.h"
#include "libcommon/io.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/resolv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"

/* 0, or -1 after complaining. */
static int
slurp(struct conf *c, const struct line_value *v, const char *path, bool secret,
    struct buf *out)
{
	struct stat st;

	if (io_slurp_path(path, CONF_FILE_MAX, out) == -1) {
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

	buf_init(&bytes, CONF_FILE_MAX);
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

	buf_init(&text, CONF_FILE_MAX);
	buf_init(&out, HO_MAX);
	if (v->value[0] != '\0') {
		buf_puts(&out, v->value);
	} else {
		if (io_slurp_path(RESOLV_CONF, CONF_FILE_MAX, &text) == -1)
			buf_clear(&text);
		resolv_conf(buf_span(&text), &out);
	}
	ho_set(ho, v->setting->name, buf_span(&out));
	buf_clear(&text);
	buf_clear(&out);
	if (io_slurp_path(HOSTS, CONF_FILE_MAX, &text) == -1)
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
