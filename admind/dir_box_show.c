/*
 * What is told of mailboxes: SHOWBAL, LISTBAL, STATBAL.
 *
 * A list goes by domain number and login, an index, so that a page costs the
 * same however many mailboxes there are before it.
 */
#include "config.h"
#include "admind/dir_box_int.h"
#include "admind/dir_domain.h"

#define STATE "ELT(FIELD(Ba_Etat, 'CREATION', 'ACTIVE', 'SUPPRESSION', " \
	"'DESACTIVEE'), 'creating', 'active', 'deleting', 'disabled')"
/* BOX_COLUMNS */
#define SHOWN "SELECT CONCAT(Ba_IdDomaine, '/', Ba_Login), Ba_Login, " \
	"Do_NomDomaine, " STATE ", Ba_Commentaire, Ba_Quota, IF(Ba_Antivirus = 'OUI', 'yes', ''), Ba_Forward, Ba_TelSMS, " \
	"Ba_FiltreSMS, Ba_EmailSMS, Ba_LoginSMS, Ba_Vacances, Ba_LoginCourt, " \
	"Ba_IdUtilisateur, Ba_Uid, Ba_Cree"
#define VERIFIER ", (SELECT Id_Verificateur FROM Identifiant WHERE Id_IdBAL = " \
	"Ba_IdBAL AND Id_Type IN (1, 3) AND Id_Revoque IS NULL LIMIT 1)"
#define FROM " FROM BAL JOIN Domaine ON Do_IdDomaine = Ba_IdDomaine "
#define LISTED FROM "JOIN Client ON Cl_IdClient = Do_IdClient WHERE " \
	SCOPE_SQL " AND (? = '' OR Do_NomDomaine = ?) AND " \
	"LOCATE(?, CONVERT(CONCAT(Ba_Login, '@', Do_NomDomaine) USING " \
	"utf8mb4)) > 0 AND Ba_IdDomaine >= ? AND (Ba_IdDomaine > ? OR " \
	"Ba_Login > ?) ORDER BY Ba_IdDomaine, Ba_Login LIMIT ?"

int
dir_box_show(struct db *db, uint32_t id, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(id) };

	return dir_rows(db, rows, SHOWN FROM "WHERE Ba_IdBAL = ? LIMIT ?", v, 1,
	    comment);
}

/* ---- lists ------------------------------------------------------------------ */

/* The key of a row: domain number, '/', login. */
static bool
take_after(struct span after, uint64_t *domain_out, struct span *login_out)
{
	ptrdiff_t slash = span_chr(after, '/');

	*domain_out = 0;
	*login_out = span_of("");
	if (after.len == 0)
		return true;
	for (size_t i = 0; i < after.len; i++)
		if (after.data[i] >= 0x80)
			return false;
	if (slash == -1)
		return false;
	*login_out = span_sub(after, (size_t)slash + 1, after.len);
	return span_u64(span_sub(after, 0, (size_t)slash), INT32_MAX,
	    domain_out) == 0;
}

int
dir_box_list(struct db *db, const struct dir_who *who,
    const struct dir_page *page, bool hashes, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[10];
	uint64_t domain;
	struct span login;
	int code;

	if (hashes && (who->kind != WHO_ALL || who->id != 0)) {
		dir_say(comment, "hashes are told to root and the group "
		    "semail-admin on the Unix socket only");
		return CODE_DENIED;
	}
	if (!take_after(page->after, &domain, &login)) {
		dir_say(comment, "AFTER is no NEXT of an answer");
		return CODE_VALUE;
	}
	if (page->domain[0] != '\0' && (code = dir_domain_is(db, who,
	    page->domain, comment)) != CODE_OK)
		return code;
	dir_scope(who, v);
	v[4] = v[5] = db_str(page->domain);
	v[6] = db_bytes(page->match);
	v[7] = v[8] = db_u64(domain);
	v[9] = db_bytes(login);
	return dir_rows(db, rows, hashes ? SHOWN VERIFIER LISTED : SHOWN LISTED,
	    v, nitems(v), comment);
}

/* ---- how full they are -------------------------------------------------------- */

int
dir_statbal(struct db *db, uint32_t id, uint64_t used_kb, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[2] = { db_u64(used_kb), db_u64(id) };

	return dir_rows(db, rows, "SELECT Ba_IdBAL, Ba_Login, Do_NomDomaine, "
	    STATE ", Ba_Quota, ?" FROM "WHERE Ba_IdBAL = ? LIMIT ?", v, 2,
	    comment);
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
	rc = db_query(db, &r, "SELECT Ba_IdBAL, Ba_Login FROM BAL WHERE "
	    "Ba_IdDomaine = ? AND Ba_Login > ? ORDER BY Ba_Login LIMIT ?", v,
	    3);
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
	struct ids_txn t = { .t = { .who = who, .in = &in,
	    .comment = comment }, .after = after, .out = out, .max = max };
	int code;

	if (span_copy(span_of(domain), in.domain, sizeof(in.domain)) == -1)
		return CODE_NO_DOMAIN;
	code = dir_code(db_txn(db, ids_txn, &t), comment);
	*n_out = code == CODE_OK ? t.n : 0;
	if (*n_out > 0)
		memcpy(after, t.last, sizeof(t.last));
	return code;
}
