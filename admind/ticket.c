#include "config.h"
#include "admind/ticket.h"

#include "libcommon/secret.h"
#include "libcommon/wire.h"

/* A ticket lives in one of the few places its first bytes name; the oldest
 * gives way.  So the table never grows and a look-up never searches. */
#define SETS 2048
#define WAYS 4

static struct ticket {
	unsigned char bytes[TICKET_BYTES];
	uint32_t mailbox; /* 0: free */
	uint8_t service;
	uint64_t expires_ms;
} tickets[SETS][WAYS];

static struct ticket *
set_of(const unsigned char *bytes)
{
	return tickets[le16_get(bytes) % SETS];
}

void
ticket_make(unsigned char out[static TICKET_BYTES], uint32_t mailbox,
    uint8_t service, uint64_t now_ms)
{
	struct ticket *set, *t;

	secret_random(out, TICKET_BYTES);
	set = t = set_of(out);
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].mailbox == 0 || set[i].expires_ms <= now_ms) {
			t = &set[i];
			break;
		}
		if (set[i].expires_ms < t->expires_ms)
			t = &set[i];
	}
	memcpy(t->bytes, out, TICKET_BYTES);
	t->mailbox = mailbox;
	t->service = service;
	t->expires_ms = now_ms + TICKET_LIFE_MS;
}

uint32_t
ticket_redeem(const unsigned char bytes[static TICKET_BYTES], uint8_t service,
    uint64_t now_ms)
{
	struct ticket *set = set_of(bytes);
	uint32_t mailbox;

	for (unsigned i = 0; i < WAYS; i++) {
		struct ticket *t = &set[i];

		if (t->mailbox == 0 ||
		    !secret_equal(t->bytes, bytes, TICKET_BYTES))
			continue;
		/* Shown for the wrong service it is burnt as well. */
		mailbox = t->service == service && t->expires_ms > now_ms
		    ? t->mailbox
		    : 0;
		memset(t, 0, sizeof(*t));
		return mailbox;
	}
	return 0;
}

void
ticket_revoke(uint32_t mailbox)
{
	for (unsigned i = 0; i < SETS; i++)
		for (unsigned j = 0; j < WAYS; j++)
			if (tickets[i][j].mailbox == mailbox)
				memset(&tickets[i][j], 0,
				    sizeof(struct ticket));
}
