/*
 * What admind knows of a mailbox and its home must show: where mail is
 * forwarded to, and the text that answers it.  Done twice is as good as once.
 */
#include "config.h"
#include "box/box.h"
#include "box/forward.h"
#include "box/homefile.h"

#include <errno.h>
#include <stdio.h>

/* Each address on a line of its own, as it was given.  0, or -1 with why. */
static int
forward_lines(struct span forward, const char *own, struct buf *out,
    char why[static 200])
{
	struct forward_reader r;
	struct forward_entry e;

	forward_begin(&r, forward, own);
	while (forward_next(&r, &e)) {
		if (e.kind != FORWARD_ADDRESS && e.kind != FORWARD_OWN) {
			snprintf(why, 200,
			    "FORWARD has what is no address: "
			    "%.*s",
			    e.text.len > 150 ? 150 : (int)e.text.len,
			    (const char *)e.text.data);
			errno = EINVAL;
			return -1;
		}
		buf_put_span(out, e.text);
		buf_putc(out, '\n');
	}
	errno = buf_error(out);
	return errno == 0 ? 0 : -1;
}

static int
put(int home, const char *name, struct span bytes)
{
	return bytes.len == 0 ? homefile_erase(home, name)
	                      : homefile_write(home, name, bytes);
}

/* Those who were answered hear of another absence, but not of the same one
 * again when the request is repeated. */
static int
put_vacation(int home, struct span text)
{
	struct buf old;
	bool same;

	buf_init(&old, SETTINGS_VACATION_MAX + 1);
	same = homefile_read(home, VACATION_FILE, SETTINGS_VACATION_MAX,
	           &old) == 0 &&
	    span_eq(buf_span(&old), text);
	buf_clear(&old);
	if (!same && homefile_erase(home, VACATION_DB) == -1)
		return -1;
	return put(home, VACATION_FILE, text);
}

int
settings_write(int home, const char *own, const struct msg_settings *s,
    char why[static 200])
{
	struct buf lines;
	int r, saved;

	why[0] = '\0';
	buf_init(&lines, 2 * SETTINGS_FORWARD_MAX);
	r = forward_lines(s->forward, own, &lines, why);
	if (r == 0)
		r = put(home, FORWARD_FILE, buf_span(&lines));
	saved = errno;
	buf_clear(&lines);
	errno = saved;
	if (r == 0)
		r = put_vacation(home, s->vacation);
	if (r == -1 && why[0] == '\0')
		snprintf(why, 200, "settings in the home: %s", strerror(errno));
	return r;
}
