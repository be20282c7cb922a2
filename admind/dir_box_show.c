/*
 * What is told of mailboxes: SHOWBAL, LISTBAL, STATBAL.
 *
 * A list goes from one domain to the next by number, and in each by login, an
 * index, so that a page costs the same however many mailboxes there are: those
 * of others and those before it are never read.  With a text to be found all
 * have to be: then it is some thousands at a time, and after a second the page
 * ends with what there is.
 */
#include "config.h"
#include "admind/dir_box_int.h"
#include "admind/dir_domain.h"

#include "libcommon/io.h"

#include <inttypes.h>
#include <stdio.h>

#define DOMAINS 100      /* at a time */
#define SLICE_SQL "5000" /* mailboxes that a text is looked for in at a time */

#define STATE \
	"ELT(FIELD(Ba_Etat, 'CREATION', 'ACTIVE', 'SUPPRESSION', " \
	"'DESACTIVEE'), 'creating', 'active', 'deleting', 'disabled')"
/* BOX_COLUMNS */
#define SHOWN \
	"SELECT CONCAT(Ba_IdDomaine, '/', Ba_Login), Ba_Login, " \
	"Do_NomDomaine, " STATE ", Ba_Commentaire, Ba_Quota, " \
	"IF(Ba_Antivirus = 'OUI', 'yes', ''), Ba_Forward, Ba_TelSMS, " \
	"Ba_FiltreSMS, Ba_EmailSMS, Ba_LoginSMS, Ba_Vacances, Ba_LoginCourt, " \
	"Ba_IdUtilisateur, Ba_Uid, Ba_Cree"
#define VERIFIER \
	", (SELECT Id_Verificateur FROM Identifiant WHERE Id_IdBAL = " \
	"Ba_IdBAL AND Id_Type IN (1, 3) AND Id_Revoque IS NULL LIMIT 1)"
#define FROM " FROM BAL JOIN Domaine ON Do_IdDomaine = Ba_IdDomaine "
#define LISTED \
	" FROM BAL FORCE INDEX (Ba_IdDomaine) JOIN Domaine ON " \
	"Do_IdDomaine = Ba_IdDomaine WHERE Ba_IdDomaine = ? AND " \
	"Ba_Login > ? AND (? = '' OR Ba_Login <= ?) AND LOCATE(?, " \
	"CONVERT(CONCAT(Ba_Login, '@', Do_NomDomaine) USING utf8mb4)) > 0 " \
	"ORDER BY Ba_Login LIMIT ?"

int
dir_box_show(struct db *db, uint32_t id, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(id) };

	return dir_rows(db, rows, SHOWN FROM "WHERE Ba_IdBAL = ? LIMIT ?", v, 1,
	    comment);
}

/* ---- lists ------------------------------------------------------------------ */

struct list_txn {
	const struct dir_who *who;
	const struct dir_page *page;
	const char *sql;
	struct rows *rows;
	char *comment;
	uint64_t from; /* AFTER: a domain's number, a login in it */
	char after[65];
	uint64_t until_ms;
};

/* The key of a row: domain number, '/', login. */
static bool
take_after(struct list_txn *l, struct span after)
{
	ptrdiff_t slash = span_chr(after, '/');
	char login[65];

	l->from = 0;
	l->after[0] = '\0';
	if (after.len == 0)
		return true;
	if (slash == -1 ||
	    span_u64(span_sub(after, 0, (size_t)slash), INT32_MAX, &l->from) ==
	        -1)
		return false;
	after = span_sub(after, (size_t)slash + 1, after.len);
	if (after.len == 0) /* the page ended between two domains */
		return true;
	if (!name_local(after, login))
		return false;
	memcpy(l->after, login, sizeof(l->after));
	return true;
}

/* Where the slice after this login ends: "" when that is the domain's end. */
static int
find_slice(struct db *db, uint64_t domain, const char *after,
    char out[static 65])
{
	struct db_value v[2] = { db_u64(domain), db_str(after) };
	struct db_rows r;
	int rc = db_query(db, &r,
	    "SELECT Ba_Login FROM BAL FORCE INDEX "
	    "(Ba_IdDomaine) WHERE Ba_IdDomaine = ? AND Ba_Login > ? ORDER BY "
	    "Ba_Login LIMIT 1 OFFSET " SLICE_SQL,
	    v, 2);

	out[0] = '\0';
	if (rc == 0 && db_next(&r) && span_copy(r.column[0], out, 65) == -1)
		rc = -1;
	db_rows_clear(&r);
	return rc;
}

/* The mailboxes of a domain after a login.  0 or DB_FAILED. */
static int
list_domain(struct db *db, struct list_txn *l, uint64_t domain,
    const char *after)
{
	char upto[65] = "", from[65], key[96];
	struct db_value v[6];

	for (;; after = from) {
		if (l->page->match.len > 0 &&
		    find_slice(db, domain, after, upto) == -1)
			return DB_FAILED;
		v[0] = db_u64(domain);
		v[1] = db_str(after);
		v[2] = v[3] = db_str(upto);
		v[4] = db_bytes(l->page->match);
		v[5] = db_u64(rows_limit(l->rows) - l->rows->n);
		if (dir_rows_add(db, l->rows, l->sql, v, 6) == DB_FAILED)
			return DB_FAILED;
		if (l->rows->more || l->rows->too_large)
			return 0;
		if (io_now_ms() >= l->until_ms) {
			snprintf(key, sizeof(key), "%" PRIu64 "/%s",
			    upto[0] != '\0' ? domain : domain + 1, upto);
			rows_cut(l->rows, span_of(key));
			return 0;
		}
		if (upto[0] == '\0')
			return 0;
		memcpy(from, upto, sizeof(from));
	}
}

/* The next domains of one's own that have mailboxes.  0, -1. */
static int
find_domains(struct db *db, const struct dir_who *who, uint64_t from,
    uint64_t out[static DOMAINS], unsigned *n_out)
{
	struct db_value v[6];
	struct db_rows r;
	int rc;

	dir_scope(who, v);
	v[4] = db_u64(from);
	v[5] = db_u64(DOMAINS);
	*n_out = 0;
	rc = db_query(db, &r,
	    "SELECT Do_IdDomaine FROM Domaine JOIN Client ON "
	    "Cl_IdClient = Do_IdClient WHERE " SCOPE_SQL " AND Do_IdDomaine >= "
	    "? AND Do_NombreBAL > 0 ORDER BY Do_IdDomaine LIMIT ?",
	    v, 6);
	while (rc == 0 && *n_out < DOMAINS && db_next(&r))
		out[(*n_out)++] = db_column_u64(&r, 0);
	db_rows_clear(&r);
	return rc;
}

static int
list_txn(struct db *db, void *arg)
{
	struct list_txn *l = arg;
	uint64_t domains[DOMAINS], from = l->from;
	struct dir_domain d;
	unsigned n;
	int rc;

	rows_reset(l->rows);
	l->until_ms = io_now_ms() + LIST_MS;
	if (l->page->domain[0] != '\0') {
		if ((rc = dir_find_domain(db, l->who, l->page->domain, &d,
		         l->comment)) != 0 ||
		    l->from > d.id)
			return rc;
		return list_domain(db, l, d.id,
		    l->from == d.id ? l->after : "");
	}
	do {
		if (find_domains(db, l->who, from, domains, &n) == -1)
			return DB_FAILED;
		for (unsigned i = 0; i < n; i++) {
			if (list_domain(db, l, domains[i],
			        domains[i] == l->from ? l->after : "") ==
			    DB_FAILED)
				return DB_FAILED;
			if (l->rows->more || l->rows->too_large)
				return 0;
			from = domains[i] + 1;
		}
	} while (n == DOMAINS);
	return 0;
}

int
dir_box_list(struct db *db, const struct dir_who *who,
    const struct dir_page *page, bool hashes, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct list_txn l = { .who = who,
		.page = page,
		.rows = rows,
		.sql = hashes ? SHOWN VERIFIER LISTED : SHOWN LISTED,
		.comment = comment };

	if (hashes && (who->kind != WHO_ALL || who->id != 0)) {
		dir_say(comment,
		    "hashes are told to root and the group "
		    "semail-admin on the Unix socket only");
		return CODE_DENIED;
	}
	if (!take_after(&l, page->after)) {
		dir_say(comment, "AFTER is no NEXT of an answer");
		return CODE_VALUE;
	}
	return dir_code(db_txn(db, list_txn, &l), comment);
}

/* ---- how full they are -------------------------------------------------------- */

int
dir_statbal(struct db *db, uint32_t id, uint64_t used_kb, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[2] = { db_u64(used_kb), db_u64(id) };

	return dir_rows(db, rows,
	    "SELECT Ba_IdBAL, Ba_Login, Do_NomDomaine, " STATE
	    ", Ba_Quota, ?" FROM "WHERE Ba_IdBAL = ? LIMIT ?",
	    v, 2, comment);
}

struct ids_txn {
	struct box_txn t;
	const char *after;
	char last[65];
	uint32_t *out;
	unsigned max, n;
};

static int
ids_txn(struct db *db, void *arg)
{
	struct ids_txn *i = arg;
	struct db_value v[3];
	struct dir_domain d;
	struct db_rows r;
	int rc = dir_find_domain(db, i->t.who, i->t.in->domain, &d,
	    i->t.comment);

	if (rc != 0)
		return rc;
	i->n = 0;
	v[0] = db_u64(d.id);
	v[1] = db_str(i->after);
	v[2] = db_u64(i->max);
	rc = db_query(db, &r,
	    "SELECT Ba_IdBAL, Ba_Login FROM BAL WHERE "
	    "Ba_IdDomaine = ? AND Ba_Login > ? ORDER BY Ba_Login LIMIT ?",
	    v, 3);
	while (rc == 0 && i->n < i->max && db_next(&r)) {
		i->out[i->n++] = (uint32_t)db_column_u64(&r, 0);
		if (span_copy(r.column[1], i->last, sizeof(i->last)) == -1)
			rc = -1;
	}
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

int
dir_box_ids(struct db *db, const struct dir_who *who, const char *domain,
    char after[static 65], uint32_t *out, unsigned max, unsigned *n_out,
    char comment[static COMMENT_MAX + 1])
{
	struct dir_mailbox in = { .login = "" };
	struct ids_txn t = { .t = { .who = who, .in = &in, .comment = comment },
		.after = after,
		.out = out,
		.max = max };
	int code;

	if (span_copy(span_of(domain), in.domain, sizeof(in.domain)) == -1)
		return CODE_NO_DOMAIN;
	code = dir_code(db_txn(db, ids_txn, &t), comment);
	*n_out = code == CODE_OK ? t.n : 0;
	if (*n_out > 0)
		memcpy(after, t.last, sizeof(t.last));
	return code;
}
