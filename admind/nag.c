#include "config.h"
#include "admind/nag.h"

#include "libcommon/io.h"

static struct {
	uint32_t about;
	uint64_t at_ms; /* 0: nothing said */
} said[256];

bool
nag_text(struct span about)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < about.len; i++)
		h = (h ^ about.data[i]) * 16777619u;
	return nag(h);
}

bool
nag(uint32_t about)
{
	unsigned i = about * 2654435761u >> 24;
	uint64_t now = io_now_ms();

	if (said[i].about == about && said[i].at_ms != 0 &&
	    now - said[i].at_ms < NAG_MS)
		return false;
	said[i].about = about;
	said[i].at_ms = now;
	return true;
}
