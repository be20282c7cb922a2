/*
 * Which changes have hooks, and which of these are still to be run: the audit
 * log is their queue.  Au_Crochet of a row, written with the change:
 *
 *	RIEN     no hook
 *	APRES    when the home of its mailbox shows the change
 *	ATTENTE  now, after those before it
 *	FAIT     done
 *	ECHEC    it failed; Au_Commentaire has the reason
 */
#include "config.h"
#include "admind/dir_int.h"

#include "libcommon/msg_hook.h"

static const struct {
	const char *type, *hook;
} kinds[] = {
	{ "NEWDOM", "domain-new" },
	{ "MODDOM", "domain-mod" },
	{ "DELDOM", "domain-del" },
	{ "NEWBAL", "mailbox-new" },
	{ "IMPORTBAL", "mailbox-new" },
	{ "MODBAL", "mailbox-mod" },
	{ "SETBAL", "mailbox-mod" },
	{ "PASSWD", "mailbox-mod" },
	{ "PURGEBAL", "mailbox-mod" },
	{ "ENABLEBAL", "mailbox-mod" },
	{ "DISABLEBAL", "mailbox-mod" },
	{ "NEWAPP", "mailbox-mod" },
	{ "DELAPP", "mailbox-mod" },
	{ "DELBAL", "mailbox-del" },
	{ "NEWALIAS", "alias-new" },
	{ "MODALIAS", "alias-mod" },
	{ "DELALIAS", "alias-del" },
	{ "NEWVIRT", "virtual-new" },
	{ "MODVIRT", "virtual-mod" },
	{ "DELVIRT", "virtual-del" },
	{ "NEWCLIENT", "client-new" },
	{ "MODCLIENT", "client-mod" },
	{ "PASSCLIENT", "client-mod" },
	{ "DELCLIENT", "client-del" },
};

static uint32_t wanted; /* bits: of hook_names */

void
dir_hooks_set(struct span names)
{
	unsigned n;
	ptrdiff_t comma;

	for (wanted = 0; names.len > 0;) {
		comma = span_chr(names, ',');
		if (hook_by_name(comma == -1
		            ? names
		            : span_sub(names, 0, (size_t)comma),
		        &n) == 0)
			wanted |= 1u << n;
		names = comma == -1
		    ? span_from("", 0)
		    : span_sub(names, (size_t)comma + 1, names.len);
	}
}

bool
dir_hooks_any(void)
{
	return wanted != 0;
}

int
dir_hook_of(struct span type, unsigned *hook_out)
{
	for (size_t i = 0; i < nitems(kinds); i++)
		if (span_is(type, kinds[i].type))
			return hook_by_name(span_of(kinds[i].hook), hook_out);
	return -1;
}

const char *
dir_hook_state(const char *type)
{
	unsigned hook;

	if (dir_hook_of(span_of(type), &hook) == -1 || !(wanted & 1u << hook))
		return "RIEN";
	return strncmp(hook_names[hook], "mailbox-", 8) == 0 ? "APRES"
	                                                     : "ATTENTE";
}

int
dir_hook_next(struct db *db, struct dir_hook *out)
{
	struct db_rows r;
	int found = 0;

	/* A mailbox on its way, or with a home that does not show a change
	 * yet, holds back its own rows only. */
	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Au_Id, Au_Type, "
	        "Au_Qui, Au_Origine, Au_Objet, DATE_FORMAT(Au_Date, "
	        "'%Y-%m-%dT%H:%i:%s'), (SELECT Co_Valeur FROM Compteur WHERE "
	        "Co_Nom = 'journal') FROM Audit LEFT JOIN Domaine ON "
	        "Do_NomDomaine = SUBSTRING_INDEX(Au_Objet, '@', -1) LEFT JOIN BAL "
	        "ON Ba_IdDomaine = Do_IdDomaine AND Ba_Login = "
	        "SUBSTRING_INDEX(Au_Objet, '@', 1) AND (Ba_Etat IN ('CREATION', "
	        "'SUPPRESSION') OR Ba_Effet <> 0) WHERE Au_Crochet IN ('APRES', "
	        "'ATTENTE') AND (Au_Crochet = 'ATTENTE' OR Ba_IdBAL IS NULL) "
	        "ORDER BY Au_Id LIMIT 1",
	        NULL, 0) == -1) {
		db_lost(db);
		return -1;
	}
	memset(out, 0, sizeof(*out));
	if (db_next(&r)) {
		found = 1;
		out->id = db_column_u64(&r, 0);
		out->journal = db_column_u64(&r, 6);
		if (span_copy(r.column[1], out->type, sizeof(out->type)) ==
		        -1 ||
		    span_copy(r.column[2], out->who, sizeof(out->who)) == -1 ||
		    span_copy(r.column[3], out->origin, sizeof(out->origin)) ==
		        -1 ||
		    span_copy(r.column[4], out->object, sizeof(out->object)) ==
		        -1 ||
		    span_copy(r.column[5], out->date, sizeof(out->date)) == -1)
			out->type[0] = '\0'; /* nothing we wrote */
	}
	db_rows_clear(&r);
	return found;
}

struct hook_txn {
	uint64_t id;
	bool good;
	const char *comment;
};

static int
done_txn(struct db *db, void *arg)
{
	struct hook_txn *t = arg;
	struct db_value v[3] = { db_str(t->good ? "FAIT" : "ECHEC"),
		db_str(t->comment), db_u64(t->id) };

	/* What stands there already is of the change itself. */
	return db_do(db, NULL, NULL,
	           "UPDATE Audit SET Au_Crochet = ?, "
	           "Au_Commentaire = LEFT(CONCAT_WS(': ', NULLIF(Au_Commentaire, ''), "
	           "NULLIF(?, '')), 255) WHERE Au_Id = ?",
	           v, 3) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_hook_done(struct db *db, uint64_t id, bool good, const char *comment)
{
	struct hook_txn t = { id, good, comment };

	return db_txn(db, done_txn, &t) == 0 ? 0 : -1;
}
