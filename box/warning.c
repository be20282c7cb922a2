#include "config.h"
#include "box/warning.h"
#include "box/homefile.h"
#include "libcommon/log.h"
#include "libcommon/mail_date.h"

#include <errno.h>
#include <inttypes.h>

#define MESSAGE_MAX 4096

static uint64_t
percent(const struct usage *u)
{
	return u->bytes > UINT64_MAX / 100 ? u->bytes / (u->quota / 100 + 1)
	                                   : u->bytes * 100 / u->quota;
}

/* As people read it; quotas are given in Kbytes. */
static void
put_size(struct buf *b, uint64_t bytes)
{
	uint64_t kb = bytes / 1024;

	if (kb < 10000)
		buf_printf(b, "%" PRIu64 " KB", kb);
	else
		buf_printf(b, "%" PRIu64 " MB", kb / 1024);
}

static void
put_message(struct buf *b, const struct box_setup *s, const struct usage *u,
    uint64_t now_s)
{
	char date[MAIL_DATE];

	mail_date(now_s, date);
	buf_printf(b,
	    "From: Mail system <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Subject: Your mailbox is nearly full\r\n"
	    "Date: %s\r\nMessage-ID: <%" PRIu64 ".%u.quota@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "Your mailbox %s holds ",
	    s->box.domain, s->box.address, date, now_s, s->box.mailbox,
	    s->hostname, s->box.address);
	put_size(b, u->bytes);
	buf_puts(b, " of the ");
	put_size(b, u->quota);
	buf_printf(b,
	    " it may hold (%" PRIu64 " %%).\r\n"
	    "When it is full, new messages to you are turned away.\r\n\r\n"
	    "Please delete messages that you no longer need.\r\n"
	    "You are told this once; not again until the mailbox has been below "
	    "%u %%.\r\n",
	    percent(u),
	    s->quota_warning > WARNING_GAP ? s->quota_warning - WARNING_GAP
	                                   : 0);
}

/* Durable before anybody sees it.  0, or -1 with errno. */
static int
deliver(struct folder *f, const struct box_setup *s, struct usage *u,
    uint64_t now_s)
{
	struct store_incoming in = { .arrived_s = now_s,
		.sync = true,
		.recipient = span_of(s->box.address),
		.body_fd = -1 };
	struct store_draft draft;
	struct buf b;
	int r = -1, saved;

	buf_init(&b, MESSAGE_MAX);
	put_message(&b, s, u, now_s);
	in.body = buf_span(&b);
	in.body_bytes = in.body.len;
	errno = buf_error(&b);
	if (errno == 0)
		r = folder_write(f, &in, &draft);
	if (r == 0) {
		folder_look(f);
		r = folder_publish(f, &draft);
		saved = errno;
		if (r == -1)
			folder_discard(f, &draft);
		errno = saved;
	}
	saved = errno;
	buf_clear(&b);
	errno = saved;
	if (r == 0)
		usage_add(u, (int64_t)draft.bytes, 1);
	return r;
}

/* A file that cannot be read now, or is something else: told already, so that
 * nobody is told again and again. */
static void
look(struct warning *w, int home)
{
	struct buf file;

	if (w->looked)
		return;
	buf_init(&file, 64);
	w->noted = homefile_read(home, WARNED_FILE, 32, &file) == 0 ||
	    errno != ENOENT;
	w->looked = true;
	buf_clear(&file);
}

/* The message first: a crash between the two tells twice, not never. */
static void
warn(struct warning *w, int home, const struct box_setup *s, struct folder *f,
    struct usage *u, uint64_t now_s)
{
	static const char note[] = "warned\n";

	if (deliver(f, s, u, now_s) == -1) {
		log_warn("quota-warning mailbox=%u", s->box.mailbox);
		return;
	}
	log_info("quota-warning mailbox=%u bytes=%" PRIu64 " quota=%" PRIu64,
	    s->box.mailbox, u->bytes, u->quota);
	w->noted = true;
	if (homefile_write(home, WARNED_FILE,
	        span_from(note, sizeof(note) - 1)) == -1)
		log_warn("quota-warning mailbox=%u noted=no", s->box.mailbox);
}

void
warning_look(struct warning *w, int home, const struct box_setup *s,
    struct folder *f, struct usage *u, uint64_t now_s)
{
	bool limited = s->quota_warning > 0 && u->quota > 0;

	if (!u->known)
		return;
	look(w, home);
	if (limited && !w->noted && percent(u) >= s->quota_warning)
		warn(w, home, s, f, u, now_s);
	else if (w->noted &&
	    (!limited || percent(u) + WARNING_GAP < s->quota_warning ||
	        u->bytes == 0))
		w->noted = homefile_erase(home, WARNED_FILE) == -1;
}
