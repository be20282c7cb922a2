/*
 * DNSDOM: the records a domain needs in the DNS so that its mail comes here and
 * programs find its servers (RFC 5321, 6186, 8314, 7208).
 *
 * What this server does not serve is said, too: target "." (RFC 2782).
 */
#include "config.h"
#include "admind/dir_domain.h"
#include "admind/job.h"

#include "libcommon/proc.h"

#include <stdio.h>

#define DNS_COLUMNS "name|type|value"

static const struct {
	const char *service, *setting;
} services[] = {
	{ "_submissions._tcp", "listen-submissions" },
	{ "_submission._tcp", "listen-submission" },
	{ "_pop3s._tcp", "listen-pop3s" },
	{ "_pop3._tcp", "listen-pop3" },
	{ "_imaps._tcp", NULL },
	{ "_imap._tcp", NULL },
};

static void
put(struct rows *rows, const char *name, const char *type, const char *value)
{
	rows_cell(rows, span_of(name));
	rows_cell(rows, span_of(type));
	rows_cell(rows, span_of(value));
	rows_end(rows, span_of(name));
}

/* The port of the first of a setting's lines, ADDRESS:PORT; 0: none. */
static unsigned
port_of(const char *setting)
{
	struct span lines = setting == NULL ? span_of("") : conf_blob(setting);
	ptrdiff_t end = span_chr(lines, '\n');
	struct span line = end == -1 ? lines : span_sub(lines, 0, (size_t)end);
	uint64_t port;

	for (size_t i = line.len; i > 0; i--)
		if (line.data[i - 1] == ':')
			return span_u64(span_sub(line, i, line.len), 65535,
			           &port) == 0
			    ? (unsigned)port
			    : 0;
	return 0;
}

static void
put_services(struct rows *rows, const char *domain, const char *host)
{
	char name[300], value[300];

	for (size_t i = 0; i < nitems(services); i++) {
		unsigned port = port_of(services[i].setting);

		snprintf(name, sizeof(name), "%s.%s.", services[i].service,
		    domain);
		if (port == 0)
			snprintf(value, sizeof(value), "0 0 0 .");
		else
			snprintf(value, sizeof(value), "0 1 %u %.255s.", port,
			    host);
		put(rows, name, "SRV", value);
	}
}

static void
dnsdom(struct job *j)
{
	const char *host = conf_str("hostname");
	char name[260], value[300];
	struct rows rows;
	int code = dir_domain_is(admind.db, &j->who, j->domain, j->comment);

	rows_init(&rows, 0);
	snprintf(name, sizeof(name), "%s.", j->domain);
	snprintf(value, sizeof(value), "10 %.255s.", host);
	put(&rows, name, "MX", value);
	put(&rows, name, "TXT", "\"v=spf1 mx -all\"");
	put_services(&rows, j->domain, host);
	job_rows(j, code, DNS_COLUMNS, &rows);
}

const struct request dns_requests[] = {
	{ "DNSDOM", dnsdom },
	{ NULL, NULL },
};
