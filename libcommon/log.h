/*
 * log - one line an event on standard error: a fixed word, then key=value.
 *
 *   time role[pid]: level word key=value key="escaped value"
 *
 * Bytes from strangers go through log_quote(); the log
 * module escapes them, so that no value can forge a line or a key.  A full or
 * broken log never stops a daemon: the line is dropped and counted.
 * Passwords, tokens and message text are never logged.
 */
#ifndef LIBCOMMON_LOG_H
#define LIBCOMMON_LOG_H

#include "libcommon/buf.h"

enum log_level { LOG_LVL_DEBUG, LOG_LVL_INFO, LOG_LVL_WARN, LOG_LVL_FATAL };

void log_init(const char *role);
void log_set_debug(bool);
bool log_is_debug(void);
/* Lines lost since start because standard error took none. */
uint64_t log_dropped(void);

/* While on, debug and info lines wait for log_flush() or a line of more weight:
 * for a loop that logs many lines a turn. */
void log_hold(bool on);
void log_flush(void);

#define LOG_FMT __attribute__((format(printf, 1, 2)))
void log_debug(const char *, ...) LOG_FMT;
void log_info(const char *, ...) LOG_FMT;
void log_warn(const char *, ...) LOG_FMT; /* appends error="strerror" */
void log_warnx(const char *, ...) LOG_FMT;
/* The world is wrong (a missing file, no memory): logs errno, exits 1. */
void fatal(const char *, ...) LOG_FMT __attribute__((noreturn));
/* We are wrong (a broken invariant): logs, exits 1. */
void fatalx(const char *, ...) LOG_FMT __attribute__((noreturn));

/* A stranger's bytes, quoted and escaped, cut at 200 bytes: use with %s.
 * Points to one of eight static buffers, so at most eight in one call. */
const char *log_quote(struct span);
const char *log_quote_str(const char *);

#endif
