#include "config.h"
#include "box/pop3.h"
#include "libcommon/log.h"
#include "libstore/sys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SLICE 64          /* messages looked at or deleted in one go */
#define CHUNK (32 * 1024) /* bytes of a message read in one go */

bool
pop3_busy(const struct pop3 *p)
{
	return p->job != POP3_NONE && !p->ended;
}

void
pop3_start(struct pop3 *p, enum pop3_job job)
{
	p->job = job;
	p->at = 0;
	p->failed = 0;
}

static void
pop3_file_close(struct pop3 *p)
{
	if (p->fd != -1)
		store_sys.close(p->fd);
	p->fd = -1;
}

void
pop3_clear(struct pop3 *p)
{
	pop3_file_close(p);
	store_list_clear(&p->list);
	free(p->deleted);
	p->deleted = NULL;
	buf_clear(&p->out);
}

/* ---- login: list, measure, answer -------------------------------------- */

static void
open_failed(struct pop3 *p)
{
	log_warn("pop3 maildrop");
	buf_puts(&p->out, "-ERR [SYS/TEMP] the mailbox cannot be read now\r\n");
	p->ended = true;
}

/* What went away while it was measured gets no number. */
static void
open_done(struct pop3 *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->list.n; i++) {
		if (!p->list.msgs[i].gone)
			p->list.msgs[n++] = p->list.msgs[i];
		else
			store_msg_clear(&p->list.msgs[i]);
	}
	p->list.n = p->live = n;
	for (size_t i = 0; i < n; i++)
		p->octets += p->list.msgs[i].octets;
	if ((p->deleted = calloc(n + 1, 1)) == NULL) {
		open_failed(p);
		return;
	}
	buf_printf(&p->out, "+OK %zu messages (%" PRIu64 " octets)\r\n", n,
	    p->octets);
	p->job = POP3_NONE;
}

static void
work_open(struct pop3 *p)
{
	size_t end;

	if (!p->listed) {
		if (folder_list(p->folder, &p->list) == -1) {
			open_failed(p);
			return;
		}
		p->listed = true;
	}
	end = p->list.n - p->at > SLICE ? p->at + SLICE : p->list.n;
	for (; p->at < end; p->at++) {
		struct store_msg *m = &p->list.msgs[p->at];

		if (folder_measure(p->folder, m) == 0) {
			folder_see(p->folder, m);
		} else if (errno != ENOENT) {
			open_failed(p);
			return;
		}
	}
	if (p->at == p->list.n)
		open_done(p);
}

/* ---- LIST and UIDL ----------------------------------------------------- */

static void
work_listing(struct pop3 *p)
{
	char uid[POP3_UID_MAX + 1];

	for (; p->at < p->list.n && p->out.len < 2 * POP3_OUT_LOW; p->at++) {
		if (p->deleted[p->at])
			continue;
		if (p->job == POP3_LIST) {
			buf_printf(&p->out, "%zu %" PRIu64 "\r\n", p->at + 1,
			    p->list.msgs[p->at].octets);
		} else {
			pop3_uid(&p->list.msgs[p->at], uid);
			buf_printf(&p->out, "%zu %s\r\n", p->at + 1, uid);
		}
	}
	if (p->at == p->list.n) {
		buf_puts(&p->out, ".\r\n");
		p->job = POP3_NONE;
	}
}

/* ---- RETR and TOP ------------------------------------------------------ */

void
pop3_start_retr(struct pop3 *p, size_t i, bool top, uint64_t lines)
{
	struct store_msg *m = &p->list.msgs[i];

	if ((p->fd = folder_read(p->folder, m)) == -1) {
		if (errno == ENOENT) {
			buf_puts(&p->out, "-ERR message is gone\r\n");
			return;
		}
		log_warn("pop3 read");
		buf_puts(&p->out,
		    "-ERR [SYS/TEMP] the message cannot be read now\r\n");
		return;
	}
	if (top)
		buf_puts(&p->out, "+OK top of message follows\r\n");
	else
		buf_printf(&p->out, "+OK %" PRIu64 " octets\r\n", m->octets);
	pop3_start(p, POP3_RETR);
	p->offset = 0;
	p->left = m->bytes; /* what came later was not announced */
	p->top = top;
	p->lines = lines;
	p->in_body = false;
	p->last = '\n';
}

static void
retr_done(struct pop3 *p)
{
	if (p->last != '\n')
		buf_puts(&p->out, "\r\n");
	buf_puts(&p->out, ".\r\n");
	pop3_file_close(p);
	p->job = POP3_NONE;
}

/*
 * One line, or the part of one there is, of len bytes: dots stuffed
 * (RFC 1939 3), its LF as CRLF.  False when TOP has had enough.
 */
static bool
send_line(struct pop3 *p, const unsigned char *line, size_t len)
{
	bool start = p->last == '\n', whole = line[len - 1] == '\n';
	unsigned char before;

	if (start && p->top && p->in_body && p->lines-- == 0)
		return false;
	if (start && line[0] == '.')
		buf_putc(&p->out, '.');
	before = len > 1 ? line[len - 2] : p->last;
	if (whole && before != '\r') {
		buf_put(&p->out, line, len - 1);
		buf_puts(&p->out, "\r\n");
	} else {
		buf_put(&p->out, line, len);
	}
	/* The empty line that ends the header. */
	if (start && whole && (len == 1 || (len == 2 && line[0] == '\r')))
		p->in_body = true;
	p->last = line[len - 1];
	return true;
}

static void
work_retr(struct pop3 *p)
{
	static unsigned char chunk[CHUNK];
	size_t want = p->left < CHUNK ? (size_t)p->left : CHUNK;
	const unsigned char *at = chunk, *end, *lf;
	ssize_t n;

	n = want == 0 ? 0
	              : store_sys.pread(p->fd, chunk, want, (off_t)p->offset);
	if (n == -1) {
		if (errno == EINTR)
			return;
		/* Ended here it would look like the whole message. */
		log_warn("pop3 read");
		pop3_file_close(p);
		p->ended = p->broken = true;
		return;
	}
	p->offset += (uint64_t)n;
	p->left -= (uint64_t)n;
	for (end = chunk + n; at < end; at = lf) {
		lf = memchr(at, '\n', (size_t)(end - at));
		lf = lf == NULL ? end : lf + 1;
		if (!send_line(p, at, (size_t)(lf - at))) {
			n = 0;
			break;
		}
	}
	if (n == 0) /* also of a file that was cut short meanwhile */
		retr_done(p);
}

/* ---- QUIT -------------------------------------------------------------- */

static void
work_update(struct pop3 *p)
{
	size_t end = p->list.n - p->at > SLICE ? p->at + SLICE : p->list.n;

	for (; p->at < end; p->at++) {
		struct store_msg *m = &p->list.msgs[p->at];

		if (!p->deleted[p->at])
			continue;
		if (folder_remove(p->folder, m) == -1) {
			if (p->failed++ == 0)
				log_warn("pop3 delete");
		} else if (!m->gone) {
			p->removed_bytes += m->bytes;
			p->removed_count++;
		}
	}
	if (p->at < p->list.n)
		return;
	if (p->failed > 0)
		buf_puts(&p->out,
		    "-ERR [SYS/TEMP] some deleted messages not removed\r\n");
	else
		buf_puts(&p->out, "+OK bye\r\n");
	p->job = POP3_NONE;
	p->ended = true;
}

/* ------------------------------------------------------------------------ */

void
pop3_work(struct pop3 *p)
{
	switch (p->job) {
	case POP3_NONE:
		break;
	case POP3_OPEN:
		work_open(p);
		break;
	case POP3_LIST:
	case POP3_UIDL:
		work_listing(p);
		break;
	case POP3_RETR:
		work_retr(p);
		break;
	case POP3_UPDATE:
		work_update(p);
		break;
	}
	/* Memory for the answer was not to be had: half of it is worse. */
	if (buf_error(&p->out) != 0)
		p->ended = p->broken = true;
}
