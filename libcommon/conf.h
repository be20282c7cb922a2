/*
 * conf - semail.conf: "name value" lines against one table.
 *
 * The table (conf_table.c) gives each setting its type, range, default and the
 * roles that are told it.  The parser runs in semaild and in semail check
 * only; every error carries file and line.  See semail.conf(5).
 */
#ifndef LIBCOMMON_CONF_H
#define LIBCOMMON_CONF_H

#include "libcommon/buf.h"
#include "libcommon/handover.h"

enum conf_type {
	CONF_STR,
	CONF_PATH, /* absolute; or relative to the configuration file */
	CONF_FILE, /* a path whose contents go to the roles, not its name */
	CONF_NUM,
	CONF_SIZE,     /* bytes; K M G */
	CONF_TIME,     /* milliseconds inside; ms s m h d, no unit is seconds */
	CONF_FLAG,     /* yes, no */
	CONF_WORD,     /* one of a list */
	CONF_NETWORKS, /* netlist.h */
	CONF_LISTEN,   /* ADDR:PORT, [ADDR]:PORT; may be repeated */
	CONF_LDAP,     /* ldapsrc.h; may be repeated; the roles get the lines */
	CONF_TLS, /* tlsdom.h; may be repeated; semaild hands the files over */
	CONF_RESOLVER /* ADDRESS[:PORT]...; not set: what resolv.conf says; the
	              * roles get "hosts", too: of our names those in hosts(5) */
};

struct conf_setting {
	const char *name;
	enum conf_type type;
	const char *value; /* default, as it would be written */
	uint64_t min, max; /* for NUM, SIZE, TIME (ms) */
	const char *words; /* for WORD: "a|b|c"; for LDAP: not NULL if it
	                         * is one that searches */
	uint32_t roles;    /* R(SMTPD) | ...: who is told; 0: semaild */
	const char *what;  /* one line for people */
};

extern const struct conf_setting conf_settings[];
extern const size_t conf_nsettings;

struct conf;

/* Read a file.  NULL when anything is wrong; every error was told to complain
 * as "FILE:LINE: what is wrong; what to do". */
struct conf *conf_read(const char *path, void (*complain)(void *, const char *),
    void *arg);
void conf_free(struct conf **);

/* Values as written or by default; sizes and times in bytes and ms. */
const char *conf_get(const struct conf *, const char *name);
uint64_t conf_get_num(const struct conf *, const char *name);
bool conf_get_flag(const struct conf *, const char *name);
/* The nth value of a repeatable setting, or NULL. */
const char *conf_get_nth(const struct conf *, const char *name, unsigned n);
/* Where a setting stands: "FILE:LINE", or "default"; the nth of a repeatable
 * one.  Good until the next call. */
const char *conf_where(const struct conf *, const char *name);
const char *conf_where_nth(const struct conf *, const char *name, unsigned n);

/* Append a file that the nth line of a setting names.  A secret that others on
 * the machine can read is refused.  0, or -1 after complaining with file and
 * line. */
int conf_slurp(const struct conf *, const char *name, unsigned n,
    const char *path, bool secret, struct buf *out,
    void (*complain)(void *, const char *), void *arg);

/* Add to a handover what its role is told; files are read here.  0, or -1
 * after complaining. */
int conf_hand_over(const struct conf *, struct handover *,
    void (*complain)(void *, const char *), void *arg);

#endif
