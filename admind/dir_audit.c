#include "config.h"
#include "admind/dir_audit.h"
#include "admind/dir_int.h"

bool
audit_is_time(struct span s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	if (s.len != 10 && s.len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (form[i] == 'd' ? s.data[i] < '0' || s.data[i] > '9'
		                   : s.data[i] != form[i])
			return false;
	return true;
}

int
dir_audit_list(struct db *db, const struct audit_filter *f, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	const struct db_value v[] = {
		db_bytes(f->object),
		db_bytes(f->object),
		db_bytes(f->who),
		db_bytes(f->who),
		db_bytes(f->what),
		db_bytes(f->what),
		db_bytes(f->since),
		db_bytes(f->since),
		db_bytes(f->until),
		db_bytes(f->until),
		db_u64(f->failed),
		db_u64(f->after),
	};

	return dir_rows(db, rows,
	    "SELECT Au_Id, Au_Id, Au_Date, Au_Qui, "
	    "Au_Origine, Au_Type, Au_Objet, Au_Code, Au_Commentaire, "
	    "ELT(FIELD(Au_Crochet, 'APRES', 'ATTENTE', 'FAIT', 'ECHEC'), "
	    "'waiting', 'waiting', 'done', 'failed') FROM Audit WHERE "
	    "(? = '' OR Au_Objet = ?) AND (? = '' OR Au_Qui = ?) AND "
	    "(? = '' OR Au_Type = ?) AND (? = '' OR Au_Date >= ?) AND "
	    "(? = '' OR Au_Date < ?) AND (? = 0 OR Au_Crochet = 'ECHEC') AND "
	    "Au_Id > ? ORDER BY Au_Id LIMIT ?",
	    v, nitems(v), comment);
}
