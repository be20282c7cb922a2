/*
 * tap - the Test Anything Protocol for unit tests, read by prove.
 * is_int/is_str say got and want; finish with return done_testing().
 */
#ifndef T_TAP_H
#define T_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 0), unused)) static bool
tap_vok(bool good, const char *fmt, va_list ap)
{
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	if (!good)
		tap_failed++;
	return good;
}

__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_vok(good, fmt, ap);
	va_end(ap);
	return good;
}

__attribute__((format(printf, 3, 4), unused)) static bool
is_int(int64_t got, int64_t want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!tap_vok(got == want, fmt, ap))
		printf("#  got %" PRId64 "\n# want %" PRId64 "\n", got, want);
	va_end(ap);
	return got == want;
}

__attribute__((format(printf, 3, 4), unused)) static bool
is_str(const char *got, const char *want, const char *fmt, ...)
{
	va_list ap;
	bool same = got != NULL && want != NULL && strcmp(got, want) == 0;

	va_start(ap, fmt);
	if (!tap_vok(same, fmt, ap))
		printf("#  got %s\n# want %s\n", got ? got : "(null)",
		    want ? want : "(null)");
	va_end(ap);
	return same;
}

__attribute__((unused)) static int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
