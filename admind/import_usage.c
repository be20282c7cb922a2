/* The arguments of import and export, in the form requests have: they are
 * parsed, explained and completed like those. */
#include "config.h"
#include "admind/import.h"

#define NEEDED (FIELD_PLACE | FIELD_NEEDED)

/* clang-format off */
const struct message import_usage = { "IMPORT", 0, FORM_PLAIN,
    "send a request for each row of a CSV file", {
	[IMPORT_TYPE] = { "TYPE", "type", NEEDED, 20, "what each row is: importbal (also without TYPE), newalias, setbal ..." },
	[IMPORT_FILE] = { "FILE", "file", NEEDED, 4096, "- is standard input" },
	[IMPORT_DRY_RUN] = { "DRY RUN", "dry-run", FIELD_YESNO, 3, "say what would be, change nothing" },
	[IMPORT_CONTINUE] = { "CONTINUE", "continue", FIELD_YESNO, 3, "send the good rows even if others are bad" },
	[IMPORT_IGNORE] = { "IGNORE", "ignore", 0, 4096, "columns to pass over, with commas between them" } } };

const struct message export_usage = { "EXPORT", 0, FORM_PLAIN,
    "write a list as CSV, for import", {
	[EXPORT_WHAT] = { "WHAT", "what", NEEDED, 16, "mailboxes, domains, aliases, virtuals, users or clients" },
	[EXPORT_ALL] = { "ALL", "all", FIELD_YESNO, 3, "also columns that import does not take back" },
	[EXPORT_HASHES] = { "HASHES", "hashes", FIELD_YESNO, 3, "of mailboxes, with their hashed passwords" } } };
/* clang-format on */
