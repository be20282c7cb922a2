#include "config.h"
#include "libcommon/box_setup.h"
#include "cuts.h"

static struct buf b;

static void
setup(void)
{
	struct box_setup in = { .box = { .mailbox = 3,
		                    .uid = 1900000003,
		                    .state = BOX_ACTIVE,
		                    .quota_kb = 1000,
		                    .domain = "x.test",
		                    .login = "ann",
		                    .address = "ann@x.test" },
		.hostname = "mx.x.test",
		.received_limit = 50,
		.vacation_period_s = 604800,
		.quota_warning = 90,
		.job = BOX_SERVE,
		.debug = 1 };
	struct box_setup out;

	buf_reset(&b);
	box_setup_put(&b, &in);
	ok(box_setup_get(buf_span(&b), &out) == 0, "setup: round trip");
	is_int(out.box.uid, 1900000003, "setup: uid");
	is_str(out.box.login, "ann", "setup: login");
	is_str(out.hostname, "mx.x.test", "setup: host name");
	ok(out.received_limit == 50 && out.vacation_period_s == 604800 &&
	        out.quota_warning == 90,
	    "setup: limits");
	REFUSES_CUTS(box_setup_get, "setup");
	in.job = 9;
	buf_reset(&b);
	box_setup_put(&b, &in);
	is_int(box_setup_get(buf_span(&b), &out), -1, "setup: unknown job");
}

int
main(void)
{
	buf_init(&b, 1 << 20);
	setup();
	buf_clear(&b);
	return done_testing();
}
