/* What decodes must encode to the same bytes; the first byte picks the
 * decoder. */
#include "config.h"
#include "libcommon/msg_copy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(data, size);
	struct msg_restore restore;
	struct msg_copied copied;
	struct copy_cursor cursor;
	char text[COPY_CURSOR_MAX];
	bool good = false;
	struct buf b;

	if (size == 0)
		return 0;
	in = span_sub(in, 1, size);
	buf_init(&b, 1 << 20);
	switch (data[0]) {
	case 'C':
		if ((good = copy_cursor_parse(in, &cursor) == 0)) {
			copy_cursor_text(&cursor, text);
			buf_puts(&b, text);
		}
		break;
	case 'B':
		if ((good = msg_backup_get(in, &cursor) == 0))
			msg_backup_put(&b, &cursor);
		break;
	case 'R':
		if ((good = msg_restore_get(in, &restore) == 0))
			msg_restore_put(&b, &restore);
		break;
	case 'D':
		if ((good = msg_copied_get(in, &copied) == 0))
			msg_copied_put(&b, &copied);
		break;
	}
	if (good && !span_eq(in, buf_span(&b)))
		abort();
	buf_clear(&b);
	return 0;
}
