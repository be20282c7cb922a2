/*
 * utf8_text - text of any origin as UTF-8 that can be sent: what is no UTF-8
 * becomes U+FFFD, control characters blanks.
 */
#ifndef BOX_UTF8_TEXT_H
#define BOX_UTF8_TEXT_H

#include "libcommon/buf.h"

/* Lines end in LF, CRLF and CR become that; tabs stay.  What does not fit out
 * is cut off. */
void utf8_text(struct buf *out, struct span in);
/* One line of at most max bytes: line ends become blanks, too. */
void utf8_line(struct buf *out, struct span in, size_t max);
bool utf8_is_ascii(struct span);
/* How many of the first bytes, at most max, end with a whole character; in is
 * good UTF-8.  Never 0 if there are any. */
size_t utf8_cut(struct span in, size_t max);

#endif
