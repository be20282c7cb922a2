#include "config.h"
#include "libcommon/msg_hook.h"
#include "libcommon/wire.h"
#include "tap.h"

static struct buf b;

static int
try(const char *hook, const char *name, const char *value, unsigned times)
{
	struct msg_hook out;

	buf_reset(&b);
	wire_put_str(&b, hook);
	wire_put_u32(&b, times);
	for (unsigned i = 0; i < times; i++) {
		wire_put_str(&b, name);
		wire_put_str(&b, value);
	}
	return msg_hook_get(buf_span(&b), &out);
}

int
main(void)
{
	struct msg_hook in = { .hook = 3,
		.n = 2,
		.var = { { 6, span_of("x.test") }, { 1, span_of("uid=0") } } };
	struct msg_hook out;
	struct msg_hooked ended = { HOOK_SIGNAL + 9, span_of("why") }, got;
	unsigned taken = 0, n;

	buf_init(&b, 1 << 16);
	msg_hook_put(&b, &in);
	ok(msg_hook_get(buf_span(&b), &out) == 0, "round trip");
	ok(out.hook == 3 && out.n == 2 &&
	        span_is(msg_hook_var(&out, "SEMAIL_DOMAIN"), "x.test") &&
	        span_is(msg_hook_var(&out, "SEMAIL_WHO"), "uid=0") &&
	        msg_hook_var(&out, "SEMAIL_MAILBOX").len == 0,
	    "the same");
	for (size_t cut = 0; cut < b.len; cut++)
		taken += msg_hook_get(span_from(b.data, cut), &out) == 0;
	buf_putc(&b, 0);
	taken += msg_hook_get(buf_span(&b), &out) == 0;
	is_int(taken, 0, "short and long ones are refused");
	is_int(try("mailbox-new", "SEMAIL_WHO", "x", 1), 0, "a good one");
	is_int(try("mailbox-new/../x", "SEMAIL_WHO", "x", 1), -1, "a path");
	is_int(try("mailbox", "SEMAIL_WHO", "x", 1), -1, "no hook");
	is_int(try("mailbox-new", "LD_PRELOAD", "x", 1), -1,
	    "no variable of ours");
	is_int(try("mailbox-new", "SEMAIL_HOME", "/", 1), -1,
	    "nor one of spawnd's");
	is_int(try("mailbox-new", "SEMAIL_WHO", "x", 2), -1, "twice");
	is_int(try("mailbox-new", "SEMAIL_WHO", "x", 17), -1, "too many");
	is_int(try("mailbox-new", "SEMAIL_WHO", "a\nb", 1), -1, "a line end");
	is_int(try("mailbox-new", "SEMAIL_WHO", "a\x1b[", 1), -1, "an escape");

	buf_reset(&b);
	msg_hooked_put(&b, &ended);
	ok(msg_hooked_get(buf_span(&b), &got) == 0 &&
	        got.status == HOOK_SIGNAL + 9 && span_is(got.said, "why"),
	    "its end: round trip");
	taken = 0;
	for (size_t cut = 0; cut < b.len; cut++)
		taken += msg_hooked_get(span_from(b.data, cut), &got) == 0;
	is_int(taken, 0, "its end: short ones are refused");
	ok(hook_by_name(span_of("domain-del"), &n) == 0 && n == 2, "by name");
	buf_clear(&b);
	return done_testing();
}
