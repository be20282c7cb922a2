#include "config.h"
#include "smtpd/message.h"
#include "libcommon/io.h"
#include "libcommon/mail_date.h"
#include "libcommon/secret.h"

#include <stdio.h>
#include <strings.h>

static void
give(struct message *m, struct span s)
{
	if (s.len == 0)
		return;
	m->bytes += s.len;
	m->ends_line = s.data[s.len - 1] == '\n';
	m->put(m->arg, s);
}

void
message_init(struct message *m, struct span trace, uint64_t limit, bool fill,
    const char *hostname, void (*put)(void *, struct span), void *arg)
{
	memset(m, 0, sizeof(*m));
	m->limit = limit;
	m->fill = fill;
	m->hostname = hostname;
	m->put = put;
	m->arg = arg;
	m->in_header = m->at_bol = true;
	give(m, trace);
}

/* The fields a submitted message must have (RFC 6409 8). */
static void
fill_header(struct message *m)
{
	unsigned char r[8];
	char text[400], date[MAIL_DATE];
	int n = 0;

	if (!m->fill)
		return;
	if (!m->has_date) {
		mail_date(io_wall_s(), date);
		n = snprintf(text, sizeof(text), "Date: %s\r\n", date);
		give(m, span_from(text, (size_t)n));
	}
	if (!m->has_id) {
		secret_random(r, sizeof(r));
		n = snprintf(text, sizeof(text),
		    "Message-ID: <%llx.%02x%02x%02x%02x%02x%02x%02x%02x@%s>\r\n",
		    (unsigned long long)io_wall_s(), r[0], r[1], r[2], r[3],
		    r[4], r[5], r[6], r[7], m->hostname);
		give(m, span_from(text, (size_t)n));
	}
}

static void
header_line(struct message *m)
{
	static const struct {
		const char *name;
		size_t flag;
	} fields[] = {
		{ "Date:", offsetof(struct message, has_date) },
		{ "Message-ID:", offsetof(struct message, has_id) },
		{ "From:", offsetof(struct message, has_from) },
	};

	if (m->name_len >= 9 && strncasecmp(m->name, "Received:", 9) == 0)
		m->received++;
	for (size_t i = 0; i < nitems(fields); i++)
		if (m->name_len >= strlen(fields[i].name) &&
		    strncasecmp(m->name, fields[i].name,
		        strlen(fields[i].name)) == 0)
			*(bool *)((char *)m + fields[i].flag) = true;
	m->name_len = 0;
}

/* The header, line by line; returns the offset its end was found at (the blank
 * line), or in.len. */
static size_t
watch_header(struct message *m, struct span in)
{
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = in.data[i];
		const unsigned char *lf;

		if (m->at_bol && c == '\r')
			return i; /* a blank line, or a bad message */
		m->at_bol = false;
		if (m->name_len < sizeof(m->name)) {
			m->name[m->name_len++] = (char)c;
			if (c != '\n')
				continue;
		}
		if (c != '\n') {
			lf = memchr(in.data + i, '\n', in.len - i);
			if (lf == NULL)
				return in.len;
			i = (size_t)(lf - in.data);
		}
		header_line(m);
		m->at_bol = true;
	}
	return in.len;
}

void
message_put(struct message *m, struct span in)
{
	size_t end;

	m->client_bytes += in.len;
	if (m->client_bytes > m->limit)
		m->too_big = true;
	if (m->too_big || in.len == 0)
		return;
	if (!m->in_header) {
		give(m, in);
		return;
	}
	if (m->held_cr) {
		/* A line that began with CR: blank, if LF is next. */
		m->held_cr = false;
		m->in_header = false;
		fill_header(m);
		give(m, span_from("\r", 1));
		give(m, in);
		return;
	}
	end = watch_header(m, in);
	give(m, span_sub(in, 0, end));
	if (end == in.len)
		return;
	if (end + 1 == in.len) {
		m->held_cr = true;
		return;
	}
	m->in_header = false;
	fill_header(m);
	give(m, span_sub(in, end, in.len));
}

void
message_end(struct message *m)
{
	if (m->too_big)
		return;
	if (m->held_cr)
		give(m, span_from("\r", 1));
	if (!m->ends_line)
		give(m, span_from("\r\n", 2));
	if (m->in_header)
		fill_header(m);
}
