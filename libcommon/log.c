#include "config.h"
#include "libcommon/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *log_role = "semail";
static bool log_debugging;
static uint64_t log_lost;
static pid_t log_pid; /* 0: ask; getpid() is a call into the kernel each time */

/* Lines that wait, whole ones, for one write: no more than a pipe takes in one
 * piece. */
static char held[4096];
static size_t held_len;
static bool log_holding;

static void
log_after_fork(void)
{
	log_pid = 0;
	held_len = 0;        /* the parent writes those */
	log_holding = false; /* a child has a loop of its own, or none */
}

void
log_hold(bool on)
{
	log_holding = on;
	if (!on)
		log_flush();
}

void
log_flush(void)
{
	size_t n = held_len;

	held_len = 0;
	if (n > 0 && write(STDERR_FILENO, held, n) != (ssize_t)n)
		log_lost++;
}

void
log_init(const char *role)
{
	log_role = role;
	if (log_pid == 0)
		pthread_atfork(NULL, NULL, log_after_fork);
	tzset(); /* reads /etc/localtime now: later there may be a chroot */
}

void
log_set_debug(bool on)
{
	log_debugging = on;
}

bool
log_is_debug(void)
{
	return log_debugging;
}

uint64_t
log_dropped(void)
{
	return log_lost;
}

__attribute__((format(printf, 3, 0))) static void
log_line(enum log_level level, int err, const char *fmt, va_list ap)
{
	static const char *const names[] = { "debug", "info", "warn", "fatal" };
	static char second[32]; /* many lines fall into one */
	static time_t second_of = -1;
	char line[2048];
	struct timespec ts;
	struct tm tm;
	size_t n;
	int r;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != second_of) {
		gmtime_r(&ts.tv_sec, &tm);
		strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &tm);
		second_of = ts.tv_sec;
	}
	if (log_pid == 0)
		log_pid = getpid();
	r = snprintf(line, sizeof(line), "%s.%03ldZ %s[%ld]: %s ", second,
	    ts.tv_nsec / 1000000, log_role, (long)log_pid, names[level]);
	n = 0;
	if (r > 0)
		n += (size_t)r;
	r = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	if (r > 0)
		n += (size_t)r;
	if (n < sizeof(line) && err != 0) {
		r = snprintf(line + n, sizeof(line) - n, " error=\"%s\"",
		    strerror(err));
		if (r > 0)
			n += (size_t)r;
	}
	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	/* What is a newline here is a caller's mistake; one event, one line. */
	for (size_t i = 0; i < n; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[n++] = '\n';
	if (held_len + n > sizeof(held))
		log_flush();
	memcpy(held + held_len, line, n);
	held_len += n;
	if (!log_holding || level > LOG_LVL_INFO)
		log_flush();
}

#define LOG_BODY(level, err) \
	do { \
		va_list ap; \
		int saved = errno; \
		va_start(ap, fmt); \
		log_line((level), (err), fmt, ap); \
		va_end(ap); \
		errno = saved; \
	} while (0)

void
log_debug(const char *fmt, ...)
{
	if (log_debugging)
		LOG_BODY(LOG_LVL_DEBUG, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_LVL_INFO, 0);
}

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_LVL_WARN, errno);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_LVL_WARN, 0);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY(LOG_LVL_FATAL, errno);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY(LOG_LVL_FATAL, 0);
	exit(1);
}

const char *
log_quote(struct span s)
{
	static char bufs[8][4 * 200 + 8];
	static unsigned turn;
	static const char hex[] = "0123456789abcdef";
	char *out = bufs[turn++ % nitems(bufs)];
	size_t n = 0;

	out[n++] = '"';
	for (size_t i = 0; i < s.len && i < 200; i++) {
		unsigned char c = s.data[i];

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c >= 0x20 && c < 0x7f) {
			out[n++] = (char)c;
		} else {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		}
	}
	if (s.len > 200) {
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

const char *
log_quote_str(const char *s)
{
	return log_quote(span_of(s));
}
