/* A whole dialogue: the first byte chooses listener, TLS and piece size. */
#include "config.h"
#include "libcommon/secret.h"
#include "smtpd/session_fake.h"

#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool begun;
	struct fake f;
	int null;

	if (!begun && (null = open("/dev/null", O_WRONLY)) != -1)
		dup2(null, STDERR_FILENO);
	if (!begun)
		secret_init();
	begun = true;
	if (n < 2)
		return 0;
	fake_init(&f, data[0] & 1 ? KIND_SUBMISSION : KIND_SMTP, data[0] & 2,
	    data[0] & 4 ? 300 : 600000);
	f.refuse_pipe = data[0] & 8;
	f.refuse_queue = data[0] & 16;
	fake_feed(&f, span_from(data + 2, n - 2), 1 + data[1]);
	fake_clear(&f);
	return 0;
}
