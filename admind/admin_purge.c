/*
 * semail purge [--dry-run] [--json] [DOMAIN ...]: mail that is older than its
 * domain's days goes, in all domains that have some or in those named.  For
 * cron: it says nothing when there was nothing to do.
 */
#include "config.h"
#include "admind/admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct purge {
	struct admin_link *link;
	bool dry_run, json, terminal;
	unsigned domains, failed;
	uint64_t messages, kbytes; /* of the domain under way */
	unsigned mailboxes, troubles;
};

static int
ask(struct purge *p, const struct buf *request, struct fields *answer)
{
	char why[WHY_MAX];
	int r = admin_exchange(p->link, request, answer, why, sizeof(why));

	if (r != 0)
		fprintf(stderr, "semail: %s\n", why);
	return r;
}

/* "TYPE|||DOMAIN", then "option=value" and the like. */
static void
begin_request(struct buf *b, const char *type, const char *domain)
{
	buf_reset(b);
	field_put(b, span_of(type), true);
	field_put(b, span_of(""), false);
	field_put(b, span_of(""), false);
	field_put(b, span_of(domain), false);
}

static void
put_option(struct buf *b, const char *name, struct span value)
{
	struct buf text;

	buf_init(&text, 2048);
	buf_printf(&text, "%s=", name);
	buf_put_span(&text, value);
	field_put(b, buf_span(&text), false);
	buf_clear(&text);
}

static uint64_t
number(struct span s)
{
	uint64_t n;

	return span_u64(s, INT64_MAX, &n) == 0 ? n : 0;
}

/* ---- a domain --------------------------------------------------------------- */

/* mailbox|domain|messages|kbytes|trouble */
static void
take_rows(struct purge *p, const struct fields *answer)
{
	struct fields row;

	fields_init(&row);
	for (int i = 0; show_row(answer, i, &row) == 0; i++) {
		struct span trouble = fields_get(&row, 4);

		p->messages += number(fields_get(&row, 2));
		p->kbytes += number(fields_get(&row, 3));
		p->mailboxes++;
		if (trouble.len == 0)
			continue;
		p->troubles++;
		fputs("semail: ", stderr);
		text_put(stderr, fields_get(&row, 0));
		putc('@', stderr);
		text_put(stderr, fields_get(&row, 1));
		fputs(" was not purged: ", stderr);
		text_put(stderr, trouble);
		putc('\n', stderr);
	}
	fields_clear(&row);
}

static void
report(struct purge *p, const char *domain, bool failed)
{
	if (p->terminal)
		fputs("\r\033[K", stderr);
	if (p->json) {
		printf("%s{\"domain\":", p->domains++ == 0 ? "[" : ",\n");
		text_json(stdout, span_of(domain));
		printf(",\"messages\":%llu,\"kbytes\":%llu,\"mailboxes\":%u,"
		       "\"troubles\":%u,\"failed\":%s}",
		    (unsigned long long)p->messages,
		    (unsigned long long)p->kbytes, p->mailboxes - p->troubles,
		    p->troubles, failed ? "true" : "false");
	} else if (p->messages > 0) {
		p->domains++;
		printf("%s: %llu messages (%llu Kbytes) in %u mailboxes %s\n",
		    domain, (unsigned long long)p->messages,
		    (unsigned long long)p->kbytes, p->mailboxes - p->troubles,
		    p->dry_run ? "would go" : "have gone");
	}
}

/* 0, or the exit status of what went wrong; other domains may still do. */
static int
purge_domain(struct purge *p, const char *domain)
{
	char next[128] = "";
	struct fields answer;
	struct buf b;
	int r;

	p->messages = p->kbytes = 0;
	p->mailboxes = p->troubles = 0;
	fields_init(&answer);
	buf_init(&b, 4096);
	do {
		if (p->terminal)
			fprintf(stderr, "\r\033[K%s: %s", domain, next);
		begin_request(&b, "PURGE", domain);
		field_put(&b, span_of(domain), false);
		if (p->dry_run)
			put_option(&b, "dry-run", span_of("yes"));
		if (next[0] != '\0')
			put_option(&b, "after", span_of(next));
		if ((r = ask(p, &b, &answer)) != 0)
			break;
		if ((r = show_status(&answer)) != 0) {
			fprintf(stderr, "semail: %s: ", domain);
			text_put(stderr, fields_get(&answer, 5));
			putc('\n', stderr);
			break;
		}
		take_rows(p, &answer);
		if (span_copy(show_next(&answer), next, sizeof(next)) == -1)
			r = EXIT_PROTOCOL;
	} while (r == 0 && next[0] != '\0');
	buf_clear(&b);
	fields_clear(&answer);
	report(p, domain, r != 0);
	if (r == 0 && p->troubles > 0)
		r = EXIT_TEMP;
	return r;
}

/* ---- all of them ---------------------------------------------------------------- */

/* Which column of a list is called so; -1: none. */
static int
column(const struct fields *answer, const char *name)
{
	struct fields names;
	int found = -1;

	fields_init(&names);
	if (show_row(answer, -1, &names) == 0)
		for (unsigned i = 0; i < names.n && found == -1; i++)
			if (span_is(fields_get(&names, i), name))
				found = (int)i;
	fields_clear(&names);
	return found;
}

/* The names of a page's domains that are purged. */
static void
take_domains(const struct fields *answer, struct buf *names)
{
	int name = column(answer, "name"), days = column(answer, "purge");
	struct fields row;

	fields_init(&row);
	for (int i = 0;
	     name != -1 && days != -1 && show_row(answer, i, &row) == 0; i++) {
		if (number(fields_get(&row, (unsigned)days)) == 0)
			continue;
		buf_put_span(names, fields_get(&row, (unsigned)name));
		buf_putc(names, '\0');
	}
	fields_clear(&row);
}

static int
list_domains(struct purge *p, struct buf *names)
{
	struct fields answer;
	char next[700] = "";
	struct buf b;
	int r;

	fields_init(&answer);
	buf_init(&b, 4096);
	do {
		begin_request(&b, "LISTDOM", "");
		if (next[0] != '\0')
			put_option(&b, "after", span_of(next));
		if ((r = ask(p, &b, &answer)) != 0)
			break;
		if ((r = show_status(&answer)) != 0) {
			fputs("semail: ", stderr);
			text_put(stderr, fields_get(&answer, 5));
			putc('\n', stderr);
			break;
		}
		take_domains(&answer, names);
		if (buf_error(names) != 0 ||
		    span_copy(show_next(&answer), next, sizeof(next)) == -1)
			r = EXIT_PROTOCOL;
	} while (r == 0 && next[0] != '\0');
	buf_clear(&b);
	fields_clear(&answer);
	return r;
}

static int
purge_all(struct purge *p)
{
	struct buf names;
	int r, one;

	buf_init(&names, 64 << 20);
	r = list_domains(p, &names);
	for (size_t at = 0; r != EXIT_PROTOCOL && at < names.len;) {
		const char *name = (const char *)names.data + at;

		at += strlen(name) + 1;
		if ((one = purge_domain(p, name)) != 0)
			r = one;
	}
	buf_clear(&names);
	return r;
}

int
admin_purge(const struct admin_options *o, int argc, char *argv[])
{
	struct purge p = { .json = o->json, .terminal = isatty(2) };
	char why[WHY_MAX];
	int r = 0, one, ndomains = 0;

	/* Options wherever they stand: one that is overlooked deletes mail. */
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			p.dry_run = true;
		else if (strcmp(argv[i], "--json") == 0)
			p.json = true;
		else if (argv[i][0] == '-')
			admin_die(EXIT_USAGE,
			    "usage: semail purge [--dry-run] "
			    "[--json] [DOMAIN ...]");
		else
			argv[ndomains++] = argv[i];
	}
	p.link = admin_dial(&o->where, &r, why, sizeof(why));
	if (p.link == NULL)
		admin_die(r, "%s", why);
	if (ndomains == 0)
		r = purge_all(&p);
	for (int i = 0; i < ndomains; i++)
		if ((one = purge_domain(&p, argv[i])) != 0)
			r = one;
	if (p.json)
		puts(p.domains == 0 ? "[]" : "]");
	admin_hang_up(&p.link);
	return r;
}
