#include "config.h"
#include "libcommon/msg_box.h"
#include "cuts.h"

static struct buf b;

static void
spawn_attach(void)
{
	struct msg_spawn_attach in = { .ticket = "0123456789abcde",
		.service = SERVICE_POP3,
		.remote = span_of("192.0.2.1") };
	struct msg_spawn_attach out;

	buf_reset(&b);
	msg_spawn_attach_put(&b, &in);
	ok(msg_spawn_attach_get(buf_span(&b), &out) == 0, "attach: round trip");
	ok(memcmp(out.ticket, in.ticket, TICKET_BYTES) == 0 &&
	        out.service == SERVICE_POP3 && span_eq(out.remote, in.remote),
	    "attach: the same");
	REFUSES_CUTS(msg_spawn_attach_get, "attach");
	in.service = SERVICE_DELIVER;
	buf_reset(&b);
	msg_spawn_attach_put(&b, &in);
	is_int(msg_spawn_attach_get(buf_span(&b), &out), -1,
	    "attach: a front cannot ask for local's service");
}

static void
box_attach(void)
{
	struct msg_box_attach in = { SERVICE_DELIVER, span_of("") };
	struct msg_box_attach out;

	buf_reset(&b);
	msg_box_attach_put(&b, &in);
	ok(msg_box_attach_get(buf_span(&b), &out) == 0 &&
	        out.service == SERVICE_DELIVER && out.remote.len == 0,
	    "box attach: round trip");
	REFUSES_CUTS(msg_box_attach_get, "box attach");
	in.service = SERVICE_SMTP;
	buf_reset(&b);
	msg_box_attach_put(&b, &in);
	is_int(msg_box_attach_get(buf_span(&b), &out), -1,
	    "box attach: no SMTP in a mailbox");
}

static void
publish(void)
{
	static uint64_t ids[BOX_PUBLISH_MAX + 1] = { 7, UINT64_MAX, 9 };
	struct msg_publish out;

	buf_reset(&b);
	msg_publish_put(&b, ids, 3);
	ok(msg_publish_get(buf_span(&b), &out) == 0 && out.n == 3,
	    "publish: round trip");
	ok(msg_publish_id(&out, 0) == 7 &&
	        msg_publish_id(&out, 1) == UINT64_MAX &&
	        msg_publish_id(&out, 2) == 9,
	    "publish: the same");
	REFUSES_CUTS(msg_publish_get, "publish");
	buf_reset(&b);
	msg_publish_put(&b, ids, BOX_PUBLISH_MAX + 1);
	is_int(msg_publish_get(buf_span(&b), &out), -1, "publish: too many");
}

static void
written(void)
{
	struct msg_written in = { .how = WRITTEN_NOT }, out;
	struct buf list;

	buf_init(&list, 4096);
	msg_actions_forward(&in.actions, &list, span_of("b@c.test"));
	in.actions.forward = buf_span(&list);
	buf_reset(&b);
	msg_written_put(&b, &in);
	ok(msg_written_get(buf_span(&b), &out) == 0 && out.how == WRITTEN_NOT &&
	        out.actions.nforward == 1,
	    "written: round trip");
	REFUSES_CUTS(msg_written_get, "written");
	in.actions = (struct msg_actions){ .answer = span_of("A: b\r\n") };
	buf_reset(&b);
	msg_written_put(&b, &in);
	is_int(msg_written_get(buf_span(&b), &out), -1,
	    "written: neither kept nor sent on");
	in.how = WRITTEN_NOT + 1;
	buf_reset(&b);
	msg_written_put(&b, &in);
	is_int(msg_written_get(buf_span(&b), &out), -1, "written: how?");
	buf_clear(&list);
}

static void
settings(void)
{
	static char long_one[SETTINGS_FORWARD_MAX + 2];
	struct msg_settings in = { span_of("a@b.test, c@d.test"),
		span_from("away\n\0", 6) },
	                    out;

	buf_reset(&b);
	msg_settings_put(&b, &in);
	ok(msg_settings_get(buf_span(&b), &out) == 0 &&
	        span_eq(in.forward, out.forward) &&
	        span_eq(in.vacation, out.vacation),
	    "settings: round trip");
	REFUSES_CUTS(msg_settings_get, "settings");
	memset(long_one, 'a', sizeof(long_one) - 1);
	in.forward = span_of(long_one);
	buf_reset(&b);
	msg_settings_put(&b, &in);
	is_int(msg_settings_get(buf_span(&b), &out), -1, "settings: too long");
	in.forward = span_of("a@b.test\n|rm");
	buf_reset(&b);
	msg_settings_put(&b, &in);
	is_int(msg_settings_get(buf_span(&b), &out), -1,
	    "settings: a line in a line");
}

static void
purge(void)
{
	struct msg_purge in = { 1700000000, 1 }, out;

	buf_reset(&b);
	msg_purge_put(&b, &in);
	ok(msg_purge_get(buf_span(&b), &out) == 0 &&
	        out.before_s == in.before_s && out.dry_run == 1,
	    "purge: round trip");
	REFUSES_CUTS(msg_purge_get, "purge");
}

static void
purged(void)
{
	struct msg_purged in = { 3, UINT64_MAX }, out;

	buf_reset(&b);
	msg_purged_put(&b, &in);
	ok(msg_purged_get(buf_span(&b), &out) == 0 && out.messages == 3 &&
	        out.bytes == UINT64_MAX,
	    "purged: round trip");
	REFUSES_CUTS(msg_purged_get, "purged");
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	spawn_attach();
	box_attach();
	publish();
	written();
	settings();
	purge();
	purged();
	buf_clear(&b);
	return done_testing();
}
