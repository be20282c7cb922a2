/*
 * What is known can be checked: of a cheap verifier the answer is right or
 * wrong, never "cannot".
 */
#include "config.h"
#include "admind/scheme.h"

#include "libcommon/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n);
	char text[600];
	struct scheme s;
	bool cheap;

	secret_init();
	if (scheme_read(in, &s) != NULL)
		return 0;
	/* It is text, so that it goes into a column and a message. */
	for (size_t i = 0; i < n; i++)
		if (data[i] <= ' ' || data[i] >= 0x7f)
			abort();
	if (span_copy(in, text, sizeof(text)) == -1)
		abort();
	cheap = s.kind == SCHEME_DIGEST ||
	    (s.kind == SCHEME_PBKDF2 && s.rounds <= 1000) ||
	    (s.kind == SCHEME_ARGON2 && s.memory_kib <= 256 && s.rounds <= 4) ||
	    (s.kind == SCHEME_CRYPT &&
	        (memcmp(s.text.data, "$1$", 3) == 0 ||
	            memcmp(s.text.data, "$2", 2) != 0 ||
	            memcmp(s.text.data + 3, "$04$", 4) == 0) &&
	        memcmp(s.text.data, "$y$", 3) != 0 &&
	        strstr(text, "rounds=") == NULL);
	if (cheap && scheme_verify(span_of("password"), text) == -1)
		abort();
	return 0;
}
