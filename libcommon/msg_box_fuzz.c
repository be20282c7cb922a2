/* What decodes must encode to the same bytes; the first byte picks the
 * decoder. */
#include "config.h"
#include "libcommon/box_setup.h"
#include "libcommon/msg_box.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
publish(struct buf *b, struct span in)
{
	static uint64_t ids[BOX_PUBLISH_MAX];
	struct msg_publish m;

	if (msg_publish_get(in, &m) == -1)
		return false;
	for (uint32_t i = 0; i < m.n; i++)
		ids[i] = msg_publish_id(&m, i);
	msg_publish_put(b, ids, m.n);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size);
	struct msg_spawn_attach spawn_attach;
	struct msg_box_attach attach;
	struct msg_written written;
	struct msg_settings settings;
	struct msg_purge purge;
	struct msg_purged purged;
	struct box_setup setup;
	bool good = false;
	struct buf b;

	if (size == 0)
		return 0;
	in = span_sub(in, 1, size);
	buf_init(&b, 1 << 20);
	switch (data[0]) {
	case 'S':
		if ((good = msg_spawn_attach_get(in, &spawn_attach) == 0))
			msg_spawn_attach_put(&b, &spawn_attach);
		break;
	case 'A':
		if ((good = msg_box_attach_get(in, &attach) == 0))
			msg_box_attach_put(&b, &attach);
		break;
	case 'P':
		good = publish(&b, in);
		break;
	case 'W':
		if ((good = msg_written_get(in, &written) == 0))
			msg_written_put(&b, &written);
		break;
	case 'T':
		if ((good = msg_settings_get(in, &settings) == 0))
			msg_settings_put(&b, &settings);
		break;
	case 'G':
		if ((good = msg_purge_get(in, &purge) == 0))
			msg_purge_put(&b, &purge);
		break;
	case 'H':
		if ((good = msg_purged_get(in, &purged) == 0))
			msg_purged_put(&b, &purged);
		break;
	case 'U':
		if ((good = box_setup_get(in, &setup) == 0))
			box_setup_put(&b, &setup);
		break;
	}
	if (good && !span_eq(in, buf_span(&b)))
		abort();
	buf_clear(&b);
	return 0;
}
