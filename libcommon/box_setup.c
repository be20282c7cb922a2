#include "config.h"
#include "libcommon/box_setup.h"
#include "libcommon/wire.h"

void
box_setup_put(struct buf *b, const struct box_setup *s)
{
	struct buf box;

	buf_init(&box, 4096);
	msg_box_put(&box, &s->box);
	wire_put_bytes(b, buf_span(&box));
	if (buf_error(&box) != 0)
		b->err = buf_error(&box);
	buf_clear(&box);
	wire_put_str(b, s->hostname);
	wire_put_u32(b, s->received_limit);
	wire_put_u64(b, s->vacation_period_s);
	wire_put_u32(b, s->quota_warning);
	wire_put_u8(b, s->job);
	wire_put_u8(b, s->debug);
}

int
box_setup_get(struct span in, struct box_setup *out)
{
	struct span box;
	struct wire w;

	wire_init(&w, in);
	box = wire_bytes(&w, 4096);
	if (msg_box_get(box, &out->box) == -1)
		w.bad = true;
	wire_cstr(&w, out->hostname, sizeof(out->hostname));
	out->received_limit = wire_u32(&w);
	out->vacation_period_s = wire_u64(&w);
	out->quota_warning = wire_u32(&w);
	out->job = wire_u8(&w);
	out->debug = wire_u8(&w);
	if ((out->job != BOX_SERVE && out->job != BOX_ERASE) || out->debug > 1)
		w.bad = true;
	return wire_done(&w);
}
