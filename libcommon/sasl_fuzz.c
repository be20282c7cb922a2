#include "config.h"
#include "libcommon/sasl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* First byte: mechanism and whether there is an initial response; then lines.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_from(data, n), line;
	enum sasl_result r = SASL_MORE;
	struct sasl s;
	bool initial;

	if (n == 0)
		return 0;
	sasl_start(&s, span_of(data[0] & 1 ? "PLAIN" : "LOGIN"));
	initial = data[0] & 2;
	in = span_sub(in, 1, n);
	while (r == SASL_MORE && in.len > 0) {
		ptrdiff_t nl = span_chr(in, '\n');

		line = span_sub(in, 0, nl == -1 ? in.len : (size_t)nl);
		in = span_sub(in, line.len + 1, in.len);
		r = initial ? sasl_initial(&s, line) : sasl_response(&s, line);
		initial = false;
		if (r == SASL_DONE &&
		    (!sasl_login_ok(span_of(s.login)) || s.password.len == 0 ||
		        s.password.len > PASSWORD_MAX))
			abort();
	}
	sasl_clear(&s);
	return 0;
}
