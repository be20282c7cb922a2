/*
 * answered - whom the mailbox has answered, and when: .vacation.db in the home.
 *
 * A line "UNIXTIME ADDRESS" for each; whoever stands there is not answered again
 * for a while.  It is written, durably, before the answer is asked for: a crash
 * between leaves one answer too few, and never a second.  Whatever its owner
 * puts there is no danger: lines that make no sense are dropped, and when it
 * cannot be read or written, or is full, nobody is answered.
 */
#ifndef BOX_ANSWERED_H
#define BOX_ANSWERED_H

#include "libcommon/buf.h"

#define ANSWERED_MAX 4000 /* senders in one period */

/* May the sender be answered now?  1: yes, and that is on disk; 0: no, he was,
 * or too many were (EMFILE); -1 with errno: not known. */
int answered_note(int home, struct span sender, uint64_t now_s,
    uint64_t period_s);

#endif
