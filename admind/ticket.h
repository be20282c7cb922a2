/*
 * ticket - a right password's receipt: 16 random bytes, good once, for a
 * minute, for one mailbox and one service.  In memory only.
 */
#ifndef ADMIND_TICKET_H
#define ADMIND_TICKET_H

#include "libcommon/msg_auth.h"

#define TICKET_LIFE_MS 60000

void ticket_make(unsigned char out[static TICKET_BYTES], uint32_t mailbox,
    uint8_t service, uint64_t now_ms);
/* The mailbox, or 0 if there is no such ticket (any more).  It is gone
 * afterwards. */
uint32_t ticket_redeem(const unsigned char bytes[static TICKET_BYTES],
    uint8_t service, uint64_t now_ms);
void ticket_revoke(uint32_t mailbox);

#endif
