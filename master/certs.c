/*
 * Certificates and keys: read and checked here, since only root can read the
 * files, and handed to the roles that show them.
 *
 * The last good ones are kept in memory.  So a daemon that starts again gets
 * them whatever state the files are in, and a renewal that went wrong, or is
 * half written, costs nothing.  Renewals are found by looking at the files
 * every few seconds: that is right for every way a file can be replaced, also
 * by a link, or by a link to a folder that is one itself, where inotify would
 * have to follow each link and its folder; and some hundred calls of stat() cost
 * under a millisecond.
 */
#include "config.h"
#include "libcommon/log.h"
#include "libcommon/tls.h"
#include "libcommon/tlsdom.h"
#include "master/master.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LOOK_S 5
#define AGAIN_LOOKS 12 /* after a daemon refused what we found good */
#define PEM_MAX (1024 * 1024)

/* Which files they were: all zero, if there were none. */
struct stamp {
	dev_t dev[2];
	ino_t ino[2];
	off_t size[2];
	struct timespec mtime[2], ctime[2];
};

struct pair {
	const char *setting; /* "tls-domain", or "tls-key" for the default */
	unsigned nth;
	struct tlsdom of; /* names "" for the default */
	struct buf certificate, key;
	struct stamp held; /* of what is in the buffers */
	struct stamp seen; /* at the last look */
	struct stamp bad;  /* was told */
};

struct certs {
	struct pair *pairs;
	size_t n;
	bool is_new; /* not all daemons have them */
	unsigned wait_looks;
};

/* ---- one pair ----------------------------------------------------------- */

static void
stamp(const struct pair *p, struct stamp *out)
{
	const char *const paths[] = { p->of.certificate, p->of.key };
	struct stat st;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < 2; i++) {
		if (stat(paths[i], &st) == -1)
			continue;
		out->dev[i] = st.st_dev;
		out->ino[i] = st.st_ino;
		out->size[i] = st.st_size;
		out->mtime[i] = st.st_mtim;
		out->ctime[i] = st.st_ctim;
	}
}

static bool
same(const struct stamp *a, const struct stamp *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; /* all of them once zeroed */
}

/* Names that the certificate is not for: clients will not believe it. */
static void
warn_names(const struct conf *conf, const struct pair *p,
    void (*warn)(void *, const char *), void *arg)
{
	struct span names = span_of(p->of.names), span;
	char text[2048], name[300];

	while (tlsdom_next(&names, &span)) {
		if (span_copy(span, name, sizeof(name)) == -1 ||
		    tls_pem_holds(buf_span(&p->certificate), name))
			continue;
		snprintf(text, sizeof(text),
		    "%s: warning: the certificate %s does not hold %s",
		    conf_where_nth(conf, p->setting, p->nth), p->of.certificate,
		    name);
		warn(arg, text);
	}
}

/* 0, or -1 after complaining, and the pair is as it was. */
static int
pair_read(const struct conf *conf, struct pair *p,
    void (*complain)(void *, const char *), void *arg)
{
	struct buf certificate, key;
	struct tls_ctx *ctx = NULL;
	struct stamp before;
	char why[201], text[3072];
	int r = -1;

	buf_init(&certificate, PEM_MAX);
	buf_init(&key, PEM_MAX);
	stamp(p, &before);
	if (conf_slurp(conf,
	        p->of.names[0] != '\0' ? "tls-domain" : "tls-certificate",
	        p->nth, p->of.certificate, false, &certificate, complain,
	        arg) == -1 ||
	    conf_slurp(conf, p->setting, p->nth, p->of.key, true, &key,
	        complain, arg) == -1)
		goto out;
	ctx = tls_ctx_new(buf_span(&certificate), buf_span(&key), why);
	if (ctx == NULL) {
		snprintf(text, sizeof(text), "%s: %s: %s (%s with the key %s)",
		    conf_where_nth(conf, p->setting, p->nth), p->setting, why,
		    p->of.certificate, p->of.key);
		complain(arg, text);
		goto out;
	}
	/* If it was written meanwhile, the next look finds it changed. */
	p->held = before;
	buf_clear(&p->certificate);
	buf_clear(&p->key);
	p->certificate = certificate;
	p->key = key;
	buf_init(&certificate, 0);
	buf_init(&key, 0);
	r = 0;
out:
	tls_ctx_free(&ctx);
	buf_clear(&certificate);
	buf_clear(&key);
	return r;
}

/* ---- all of them -------------------------------------------------------- */

static struct pair *
pair_add(struct certs *cs, const char *setting, unsigned nth)
{
	struct pair *p = reallocarray(cs->pairs, cs->n + 1, sizeof(*p));

	if (p == NULL)
		fatal("certificates");
	cs->pairs = p;
	p += cs->n++;
	memset(p, 0, sizeof(*p));
	p->setting = setting;
	p->nth = nth;
	buf_init(&p->certificate, PEM_MAX);
	buf_init(&p->key, PEM_MAX);
	return p;
}

/* A name leads to one certificate. */
static int
names_once(const struct conf *conf, const struct certs *cs,
    void (*complain)(void *, const char *), void *arg)
{
	struct tlsdom_table all = { NULL, 0, 0, false };
	char text[2048], name[300];
	size_t id;
	int r = 0;

	for (size_t i = 0; i < cs->n; i++)
		if (tlsdom_add(&all, cs->pairs[i].of.names, i) == -1)
			fatal("certificates");
	/* Twice the same are neighbours once it is sorted. */
	tlsdom_has(&all, "", &id);
	for (size_t i = 1; i < all.n; i++) {
		size_t a = all.entries[i - 1].id, b = all.entries[i].id;

		if (strcmp(all.entries[i - 1].name, all.entries[i].name) != 0)
			continue;
		snprintf(name, sizeof(name), "%s",
		    conf_where_nth(conf, "tls-domain",
		        cs->pairs[a < b ? a : b].nth));
		snprintf(text, sizeof(text),
		    "%s: tls-domain: %s is set "
		    "already at %s; remove one",
		    conf_where_nth(conf, "tls-domain",
		        cs->pairs[a < b ? b : a].nth),
		    all.entries[i].name, name);
		complain(arg, text);
		r = -1;
	}
	tlsdom_clear(&all);
	return r;
}

struct certs *
certs_read(const struct conf *conf, void (*complain)(void *, const char *),
    void (*warn)(void *, const char *), void *arg)
{
	struct certs *cs = calloc(1, sizeof(*cs));
	const char *value, *key = conf_get(conf, "tls-key");
	size_t bytes = 0;
	struct pair *p;
	char why[201];
	int r = 0;

	if (cs == NULL)
		fatal("certificates");
	value = conf_get(conf, "tls-certificate");
	if (value[0] != '\0') {
		p = pair_add(cs, "tls-key", 0);
		snprintf(p->of.certificate, sizeof(p->of.certificate), "%s",
		    value);
		snprintf(p->of.key, sizeof(p->of.key), "%s", key);
	}
	for (unsigned n = 0;
	     (value = conf_get_nth(conf, "tls-domain", n)) != NULL; n++)
		if (tlsdom_parse(value, &pair_add(cs, "tls-domain", n)->of,
		        why) == -1)
			fatalx("bug tls-domain reason=%s", log_quote_str(why));
	for (size_t i = 0; i < cs->n; i++) {
		p = &cs->pairs[i];
		if (pair_read(conf, p, complain, arg) == -1)
			r = -1;
		else
			warn_names(conf, p, warn, arg);
		bytes += p->certificate.len + p->key.len + strlen(p->of.names) +
		    12;
	}
	if (names_once(conf, cs, complain, arg) == -1)
		r = -1;
	if (bytes > HO_CERTIFICATES_MAX) {
		complain(arg,
		    "tls-domain: all certificates and keys together "
		    "are more than 12 MB; use wildcards or fewer domains");
		r = -1;
	}
	if (r == -1)
		certs_free(&cs);
	return cs;
}

void
certs_free(struct certs **csp)
{
	struct certs *cs = *csp;

	*csp = NULL;
	if (cs == NULL)
		return;
	for (size_t i = 0; i < cs->n; i++) {
		buf_clear(&cs->pairs[i].certificate);
		buf_clear(&cs->pairs[i].key);
	}
	free(cs->pairs);
	free(cs);
}

bool
certs_are_for(enum role role)
{
	return role == ROLE_SMTPD || role == ROLE_POP3D;
}

void
certs_hand_over(const struct certs *cs, struct handover *ho)
{
	struct buf list;

	if (!certs_are_for(ho->role))
		return;
	buf_init(&list, HO_MAX);
	for (size_t i = 0; i < cs->n; i++) {
		const struct pair *p = &cs->pairs[i];

		if (p->of.names[0] != '\0') {
			tlsdom_put(&list, p->of.names,
			    buf_span(&p->certificate), buf_span(&p->key));
			continue;
		}
		ho_set(ho, "tls-certificate", buf_span(&p->certificate));
		ho_set(ho, "tls-key", buf_span(&p->key));
	}
	if (buf_error(&list) != 0)
		fatalx("certificates do not fit");
	ho_set(ho, "tls-domain", buf_span(&list));
	buf_clear(&list);
}

/* ---- renewals ----------------------------------------------------------- */

static void
log_kept(void *arg, const char *why)
{
	(void)arg;
	log_warnx("certificate not renewed, the old one stays reason=%s",
	    log_quote_str(why));
}

static void
log_warning(void *arg, const char *why)
{
	(void)arg;
	log_warnx("certificate %s", why);
}

/* Has it been renewed?  A file that changed is left alone until it did not
 * change from one look to the next. */
static bool
pair_look(const struct conf *conf, struct pair *p)
{
	struct stamp now;
	bool settled;

	stamp(p, &now);
	settled = same(&now, &p->seen);
	p->seen = now;
	if (!settled || same(&now, &p->held) || same(&now, &p->bad))
		return false;
	if (pair_read(conf, p, log_kept, NULL) == -1) {
		p->bad = now;
		return false;
	}
	warn_names(conf, p, log_warning, NULL);
	log_info("certificate renewed path=%s",
	    log_quote_str(p->of.certificate));
	return true;
}

static void
on_offered(void *arg, const char *why)
{
	struct master *m = arg;

	if (why == NULL)
		m->certs->is_new = false;
	else /* master_renew() has logged it */
		m->certs->wait_looks = AGAIN_LOOKS;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	struct certs *cs = m->certs;

	(void)fd;
	(void)what;
	if (m->stopping || master_reloads())
		return;
	for (size_t i = 0; i < cs->n; i++)
		if (pair_look(m->conf, &cs->pairs[i])) {
			cs->is_new = true;
			cs->wait_looks = 0;
		}
	if (cs->wait_looks > 0)
		cs->wait_looks--;
	else if (cs->is_new)
		master_renew(m, on_offered, m);
}

void
certs_watch(struct master *m)
{
	static const struct timeval every = { LOOK_S, 0 };
	struct event *ev = event_new(m->base, -1, EV_PERSIST, on_look, m);

	if (ev == NULL || event_add(ev, &every) == -1)
		fatalx("timer");
}
