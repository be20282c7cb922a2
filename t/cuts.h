/* cuts - an encoding that is cut short, or has a byte too many, is refused. */
#ifndef T_CUTS_H
#define T_CUTS_H

#include "libcommon/buf.h"
#include "tap.h"

/* b holds a good encoding of out, which get(span, &out) takes. */
#define REFUSES_CUTS(get, what) \
	do { \
		unsigned taken = 0; \
		for (size_t cut = 0; cut < b.len; cut++) \
			taken += get(span_from(b.data, cut), &out) == 0; \
		buf_putc(&b, 0); \
		taken += get(buf_span(&b), &out) == 0; \
		is_int(taken, 0, "%s: short and long ones are refused", what); \
	} while (0)

#endif
