#include "config.h"
#include "libcommon/msg_auth.h"
#include "libcommon/msg_queue.h"
#include "libcommon/wire.h"
#include "cuts.h"

#include <stdio.h>

static struct buf b, rcpts;

static void
submit(void)
{
	struct msg_submit in = { .flags = BODY_8BIT | BODY_AUTHED,
		.reverse_path = span_of("a@x.test"),
		.client = span_of("192.0.2.1"),
		.auth = span_of("me@x.test"),
		.nrcpts = 2,
		.body_bytes = 7,
		.body = span_of("a\r\n\0\r\n") };
	struct msg_rcpt r1 = { span_of("b@x.test"), span_from("\0\1\2", 3) };
	struct msg_rcpt r2 = { span_of("c@x.test"), span_from("", 0) };
	struct msg_submit out;
	struct msg_rcpt r;

	in.body.len = 7;
	buf_reset(&rcpts);
	msg_rcpt_put(&rcpts, &r1);
	msg_rcpt_put(&rcpts, &r2);
	in.rcpts = buf_span(&rcpts);
	buf_reset(&b);
	msg_submit_put(&b, &in);
	ok(msg_submit_get(buf_span(&b), &out) == 0, "submit: round trip");
	is_int(out.flags, in.flags, "flags");
	ok(span_eq(out.reverse_path, in.reverse_path), "reverse path");
	ok(span_eq(out.client, in.client) && span_eq(out.auth, in.auth),
	    "client and auth");
	ok(span_eq(out.body, in.body) && out.body_bytes == 7, "body");
	ok(msg_rcpt_next(&out.rcpts, &r) == 1 &&
	        span_eq(r.address, r1.address) && span_eq(r.grant, r1.grant),
	    "first recipient");
	ok(msg_rcpt_next(&out.rcpts, &r) == 1 &&
	        span_eq(r.address, r2.address) && r.grant.len == 0,
	    "second recipient");
	is_int(msg_rcpt_next(&out.rcpts, &r), 0, "no third");
	REFUSES_CUTS(msg_submit_get, "submit");

	in.body_token = 5;
	buf_reset(&b);
	msg_submit_put(&b, &in);
	is_int(msg_submit_get(buf_span(&b), &out), -1,
	    "a token and a body together are refused");
	in.body = span_from("", 0);
	buf_reset(&b);
	msg_submit_put(&b, &in);
	is_int(msg_submit_get(buf_span(&b), &out), 0, "a token alone is good");
	in.nrcpts = 0;
	in.rcpts = span_from("", 0);
	buf_reset(&b);
	msg_submit_put(&b, &in);
	is_int(msg_submit_get(buf_span(&b), &out), -1,
	    "no recipients: refused");
	in.nrcpts = 2;
	in.rcpts = buf_span(&rcpts);
	in.reverse_path = span_of("a\nb@x.test");
	buf_reset(&b);
	msg_submit_put(&b, &in);
	is_int(msg_submit_get(buf_span(&b), &out), -1,
	    "a line feed in an address is refused");
	in.reverse_path = span_of("");
	in.flags = 1 << 10;
	buf_reset(&b);
	msg_submit_put(&b, &in);
	is_int(msg_submit_get(buf_span(&b), &out), -1,
	    "unknown flags: refused");
}

static void
deliver(void)
{
	struct msg_deliver in = { .queue_id = UINT64_MAX - 1,
		.mailbox = 77,
		.again = 1,
		.arrived_s = 1700000000,
		.reverse_path = span_of(""),
		.may_act = 1,
		.recipient = span_of("b@x.test"),
		.original = span_of("alias@x.test"),
		.prefix = span_of("Delivered-To: c@x.test\r\n"),
		.body_bytes = 3,
		.body = span_of("abc") };
	struct msg_deliver out;

	buf_reset(&b);
	msg_deliver_put(&b, &in);
	ok(msg_deliver_get(buf_span(&b), &out) == 0, "deliver: round trip");
	ok(out.queue_id == in.queue_id && out.mailbox == 77 && out.again == 1 &&
	        out.arrived_s == in.arrived_s && out.body_bytes == 3 &&
	        out.body_file == 0,
	    "numbers");
	ok(out.may_act == 1 && span_eq(out.original, in.original) &&
	        span_eq(out.prefix, in.prefix),
	    "how it came here");
	ok(span_eq(out.recipient, in.recipient) && out.reverse_path.len == 0 &&
	        span_is(out.body, "abc"),
	    "texts and body");
	REFUSES_CUTS(msg_deliver_get, "deliver");
	in.body_file = 1;
	buf_reset(&b);
	msg_deliver_put(&b, &in);
	is_int(msg_deliver_get(buf_span(&b), &out), -1,
	    "a file and a body together are refused");
}

static void
delivered(void)
{
	struct msg_delivered in = { .result = DELIVER_TEMP,
		.status = span_of("4.2.2 full") };
	struct msg_delivered out;

	buf_reset(&b);
	msg_delivered_put(&b, &in);
	ok(msg_delivered_get(buf_span(&b), &out) == 0 &&
	        out.result == DELIVER_TEMP && span_eq(out.status, in.status),
	    "delivered: round trip");
	REFUSES_CUTS(msg_delivered_get, "delivered");
	in.result = DELIVER_AGAIN + 1;
	buf_reset(&b);
	msg_delivered_put(&b, &in);
	is_int(msg_delivered_get(buf_span(&b), &out), -1,
	    "an unknown result is refused");
}

static void
actions(void)
{
	static const char *const bad_addresses[] = { "", "b", "b@", "b@C.test",
		"b @c.test", "<b@c.test>", "b@c.test\r", "\"b\"@c.test" };
	static const char *const bad_answers[] = { "A: b", "A: b\n", "A: b\r",
		"A\rb\r\n", "\nb\r\n" };
	struct msg_delivered in = { .status = span_of("2.0.0 ok") }, out;
	struct span list, address;
	char many[32];

	buf_reset(&rcpts);
	msg_actions_forward(&in.actions, &rcpts, span_of("b@c.test"));
	msg_actions_forward(&in.actions, &rcpts, span_of("\"d e\"@f.test"));
	in.actions.forward = buf_span(&rcpts);
	in.actions.answer = span_of("Subject: x\r\n\r\ny\r\n");
	buf_reset(&b);
	msg_delivered_put(&b, &in);
	ok(msg_delivered_get(buf_span(&b), &out) == 0 &&
	        msg_has_actions(&out.actions) && out.actions.nforward == 2 &&
	        span_eq(out.actions.answer, in.actions.answer),
	    "actions: round trip");
	list = out.actions.forward;
	ok(msg_actions_next(&list, &address) == 1 &&
	        span_is(address, "b@c.test") &&
	        msg_actions_next(&list, &address) == 1 &&
	        span_is(address, "\"d e\"@f.test") &&
	        msg_actions_next(&list, &address) == 0,
	    "actions: the addresses");
	REFUSES_CUTS(msg_delivered_get, "actions");
	in.result = DELIVER_TEMP;
	buf_reset(&b);
	msg_delivered_put(&b, &in);
	is_int(msg_delivered_get(buf_span(&b), &out), -1,
	    "a failed delivery has none");
	in.result = DELIVER_OK;
	for (size_t i = 0; i < nitems(bad_addresses); i++) {
		buf_reset(&rcpts);
		in.actions = (struct msg_actions){ .nforward = 0 };
		msg_actions_forward(&in.actions, &rcpts,
		    span_of(bad_addresses[i]));
		in.actions.forward = buf_span(&rcpts);
		buf_reset(&b);
		msg_delivered_put(&b, &in);
		is_int(msg_delivered_get(buf_span(&b), &out), -1,
		    "no address to forward to, %zu", i);
	}
	for (size_t i = 0; i < nitems(bad_answers); i++) {
		in.actions =
		    (struct msg_actions){ .answer = span_of(bad_answers[i]) };
		buf_reset(&b);
		msg_delivered_put(&b, &in);
		is_int(msg_delivered_get(buf_span(&b), &out), -1,
		    "a line that does not end in CRLF, %zu", i);
	}
	buf_reset(&rcpts);
	in.actions = (struct msg_actions){ .nforward = 0 };
	for (unsigned i = 0; i <= FORWARDS_MAX; i++) {
		snprintf(many, sizeof(many), "b%u@c.test", i);
		msg_actions_forward(&in.actions, &rcpts, span_of(many));
	}
	in.actions.forward = buf_span(&rcpts);
	buf_reset(&b);
	msg_delivered_put(&b, &in);
	is_int(msg_delivered_get(buf_span(&b), &out), -1, "too many");
}

static void
row(void)
{
	struct msg_queue_row in = { .queue_id = 9,
		.arrived_s = 8,
		.body_bytes = 7,
		.deferred = 1,
		.attempts = 6,
		.due_s = 5,
		.reverse_path = span_of("a@x.test"),
		.reason = span_of("4.3.0 later"),
		.nrcpts = 1 };
	struct msg_row_rcpt r1 = { span_of("b@x.test"), 1, span_of("2.0.0") },
	                    r;
	struct msg_queue_row out;
	struct wire w;
	unsigned taken = 0;

	buf_reset(&rcpts);
	msg_row_rcpt_put(&rcpts, &r1);
	in.rcpts = buf_span(&rcpts);
	buf_reset(&b);
	msg_queue_row_put(&b, &in);
	msg_queue_row_put(&b, &in);
	wire_init(&w, buf_span(&b));
	msg_queue_row_get(&w, &out);
	msg_queue_row_get(&w, &out);
	is_int(wire_done(&w), 0, "row: two, one after the other");
	ok(out.queue_id == 9 && out.arrived_s == 8 && out.body_bytes == 7 &&
	        out.deferred == 1 && out.attempts == 6 && out.due_s == 5,
	    "numbers");
	ok(span_eq(out.reason, in.reason) &&
	        span_eq(out.reverse_path, in.reverse_path),
	    "texts");
	ok(msg_row_rcpt_next(&out.rcpts, &r) == 1 && r.done == 1 &&
	        span_eq(r.address, r1.address) && span_eq(r.status, r1.status),
	    "recipient");
	is_int(msg_row_rcpt_next(&out.rcpts, &r), 0, "no second");
	for (size_t cut = 0; cut < b.len / 2; cut++) {
		wire_init(&w, span_from(b.data, cut));
		msg_queue_row_get(&w, &out);
		taken += wire_done(&w) == 0;
	}
	is_int(taken, 0, "short rows are refused");
}

static void
ids(void)
{
	static const struct {
		const char *text;
		uint64_t id;
	} rows[] = {
		{ "0000000000000", 0 },
		{ "0000000000001", 1 },
		{ "000000000000z", 31 },
		{ "0000000000010", 32 },
		{ "fzzzzzzzzzzzz", UINT64_MAX },
	};
	static const char *const wrong[] = { "", "0", "00000000000000",
		"gzzzzzzzzzzzz", "000000000000Z", "000000000000u",
		"000000000000/", "0000000 00000" };
	char text[QUEUE_ID_TEXT];
	uint64_t id;

	for (size_t i = 0; i < nitems(rows); i++) {
		queue_id_text(rows[i].id, text);
		is_str(text, rows[i].text, "id as text");
		ok(queue_id_parse(text, &id) == 0 && id == rows[i].id,
		    "%s is read back", text);
	}
	for (size_t i = 0; i < nitems(wrong); i++)
		is_int(queue_id_parse(wrong[i], &id), -1, "\"%s\" is no id",
		    wrong[i]);
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	buf_init(&rcpts, 1 << 20);
	submit();
	deliver();
	delivered();
	actions();
	row();
	ids();
	buf_clear(&b);
	buf_clear(&rcpts);
	return done_testing();
}
