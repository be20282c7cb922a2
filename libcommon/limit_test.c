#include "config.h"
#include "libcommon/secret.h"
#include "libcommon/limit.h"
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_storage
from(const char *text)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 *in6 = (void *)&ss;
	struct sockaddr_in *in4 = (void *)&ss;

	memset(&ss, 0, sizeof(ss));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		ss.ss_family = AF_INET6;
	else
		abort();
	return ss;
}

static bool
enter(const char *text, unsigned max)
{
	struct sockaddr_storage ss = from(text);

	return limit_enter((struct sockaddr *)&ss, max);
}

static void
leave(const char *text)
{
	struct sockaddr_storage ss = from(text);

	limit_leave((struct sockaddr *)&ss);
}

int
main(void)
{
	unsigned in = 0;
	char text[64];

	secret_init();
	ok(enter("192.0.2.1", 2) && enter("192.0.2.1", 2), "two of two");
	ok(!enter("192.0.2.1", 2), "not a third");
	ok(enter("192.0.2.2", 2), "a neighbour is another");
	ok(!enter("::ffff:192.0.2.1", 2), "a mapped address is the same");
	leave("192.0.2.1");
	ok(enter("::ffff:192.0.2.1", 2), "when one has gone, another may come");

	ok(enter("2001:db8:1:2::1", 2) && enter("2001:db8:1:2:ffff::9", 2),
	    "two of a /64");
	ok(!enter("2001:db8:1:2::3", 2), "not a third");
	ok(enter("2001:db8:1:3::1", 2), "the next /64 is another");
	/* ::c000:201 has the bytes of 192.0.2.1 at its end, not in its /64. */
	ok(enter("::c000:201", 2), "an IPv6 address is no IPv4 address");

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
		in += enter(text, 1);
	}
	is_int(in, 5000, "many addresses");
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
		if (enter(text, 1))
			in++;
		leave(text);
	}
	is_int(in, 5000, "each is known");
	leave("10.0.0.1");
	ok(enter("10.0.0.1", 1), "leaving twice does no harm");
	return done_testing();
}
