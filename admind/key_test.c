#include "config.h"
#include "admind/key.h"
#include "tap.h"

#include "libcommon/install_key.h"
#include "libcommon/secret.h"

#include <errno.h>

static void
hex(const unsigned char *p, char out[static 65])
{
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

int
main(void)
{
	unsigned char install[INSTALL_KEY_BYTES];
	struct span sms = span_of("secret"), key;
	struct buf sealed, out;
	char text[65];

	secret_init();
	for (unsigned i = 0; i < sizeof(install); i++)
		install[i] = (unsigned char)i;
	key = span_from(install, sizeof(install));
	key_start(key);
	/* Fixed for ever: panels and sealed passwords outlive versions. */
	hex(key_server(), text);
	is_str(text,
	    "070c8df29ec9f7a87dff399414b0637a"
	    "c143cb0867e545daad7b52e896469d5b",
	    "the server's secret");
	hex(key_local(), text);
	is_str(text,
	    "24cd032bce7f30152c45c9d6e8bb08e9"
	    "ea897cf2f8a98e737c217b512ba50b3c",
	    "the local panel's");

	buf_init(&sealed, 256);
	buf_init(&out, 256);
	seal_put(&sealed, "Table.Column", sms);
	is_int((int64_t)sealed.len, (int64_t)(sms.len + SEAL_MORE), "length");
	ok(seal_open(&out, "Table.Column", buf_span(&sealed)) == 0 &&
	        span_eq(buf_span(&out), sms),
	    "sealed and opened");
	buf_reset(&out);
	ok(seal_open(&out, "Table.Other", buf_span(&sealed)) == -1 &&
	        errno == EBADMSG,
	    "not in another place");
	install[31] ^= 1;
	key_start(key);
	ok(seal_open(&out, "Table.Column", buf_span(&sealed)) == -1 &&
	        errno == EBADMSG && out.len == 0,
	    "nor with another key");
	buf_clear(&sealed);
	buf_clear(&out);
	return done_testing();
}
