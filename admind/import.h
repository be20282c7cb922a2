/*
 * import - rows of a CSV file as requests of one type, and lists as CSV files.
 */
#ifndef ADMIND_IMPORT_H
#define ADMIND_IMPORT_H

#include "admind/admin.h"
#include "admind/csv.h"

#define OBJECT_MAX 400 /* bytes of what a row is about, with its NUL */

/* ---- a row as a request (import_row.c) ---------------------------------------- */

enum column_kind {
	COLUMN_IGNORED,
	COLUMN_FIELD,
	COLUMN_DOMAIN,  /* DOMAIN of the header */
	COLUMN_ADDRESS, /* LOGIN@DOMAIN, or LOGIN: DOMAIN and the first field */
};

struct import_header {
	const struct message *message;
	unsigned n;
	struct {
		enum column_kind kind;
		unsigned field; /* COLUMN_FIELD and COLUMN_ADDRESS */
		char name[40];
	} column[CSV_CELLS_MAX];
};

/* Can a request be sent by rows?  Those that change something, unless what they
 * answer must be read. */
bool import_may(const struct message *);
/* The names a header may have. */
void import_columns(FILE *, const struct message *);
/* May this message's import have this column? */
bool import_knows(const struct message *, struct span name);

/* Take the header line; ignore is names with commas between them.  0, or -1
 * with the reason. */
int import_header(struct import_header *, const struct message *,
    const struct csv *, const char *ignore, char why[static WHY_MAX]);
/* Has the header a column for secrets? */
bool import_has_secrets(const struct import_header *);

/* A row as a command, whose values are borrowed from csv; common has login and
 * DOMAIN of all rows.  Each thing that is wrong goes to told ("quota: is no
 * number"); returns how many there were. */
struct import_told {
	void (*tell)(void *arg, const char *what);
	void *arg;
};
unsigned import_row(const struct import_header *, const struct csv *,
    const struct admin_command *common, struct admin_command *out,
    const struct import_told *);
/* What a row is about: "bob@x.example"; "" when nothing names it. */
void import_object(const struct admin_command *, char out[static OBJECT_MAX]);

/* ---- what became of rows (import_report.c) --------------------------------------- */

struct report {
	const char *file; /* "-" is standard input */
	const char *type;
	bool json, dry_run, terminal; /* terminal: standard error is one */
	bool begun;                   /* the output */
	bool listed;                  /* a row */
	unsigned long rows, done, refused, bad; /* bad: never sent */
	uint64_t begin_ms, shown_ms;
};

void report_begin(struct report *);
/* A row's answer. */
void report_row(struct report *, unsigned long line, const char *object,
    int code, const char *comment);
/* One of the things that are wrong with a row; the caller counts bad rows. */
void report_wrong(struct report *, unsigned long line, const char *object,
    int code, const char *what);
void report_progress(struct report *, bool end);
/* The summary; stopped: why not all was sent, or NULL. */
void report_end(struct report *, const char *stopped);

/* ---- sending them (import_send.c) --------------------------------------------------- */

struct sender;
struct sender *sender_new(struct admin_link *, struct report *);
void sender_free(struct sender **); /* wipes */
/* A row's request, which is copied.  0, or an exit status with the reason when
 * nothing more should be sent. */
int sender_put(struct sender *, unsigned long line, const char *object,
    const struct buf *request, char why[static WHY_MAX]);
/* What is still under way. */
int sender_finish(struct sender *, char why[static WHY_MAX]);

/* ---- the commands (import_usage.c, admin_import.c, admin_export.c) --------------------- */

enum {
	IMPORT_TYPE,
	IMPORT_FILE,
	IMPORT_DRY_RUN,
	IMPORT_CONTINUE,
	IMPORT_IGNORE
};
enum { EXPORT_WHAT, EXPORT_ALL, EXPORT_HASHES };

/* Their arguments: no requests, but written like them. */
extern const struct message import_usage, export_usage;

int admin_import(const struct admin_options *, int argc, char *argv[]);
int admin_export(const struct admin_options *, int argc, char *argv[]);

#endif
