#include "config.h"
#include "admind/dir_panel.h"
#include "admind/dir_int.h"

int
dir_panel_key(struct db *db, const char *name,
    unsigned char key[static PANEL_KEY_BYTES])
{
	struct db_value v[1] = { db_str(name) };
	struct db_rows r;
	int found = 0;

	if (db_ready(db) == -1 ||
	    db_query(db, &r,
	        "SELECT Pa_Cle FROM Panneau "
	        "WHERE Pa_Nom = ?",
	        v, 1) == -1) {
		db_lost(db);
		return -1;
	}
	if (db_next(&r) && r.column[0].len == PANEL_KEY_BYTES) {
		memcpy(key, r.column[0].data, PANEL_KEY_BYTES);
		found = 1;
	}
	db_rows_clear(&r);
	return found;
}

struct panel_txn {
	const struct dir_who *who;
	const char *name;
	struct span note;
	const unsigned char *key;
	char *comment;
};

static int
newpanel_txn(struct db *db, void *arg)
{
	struct panel_txn *t = arg;
	struct db_value v[3] = { db_bytes(span_from(t->key, PANEL_KEY_BYTES)),
		db_bytes(t->note), db_str(t->name) };
	unsigned char old[PANEL_KEY_BYTES];
	int r;

	if (dir_lock(db) == -1 || (r = dir_panel_key(db, t->name, old)) == -1)
		return DB_FAILED;
	if (r == 0)
		return db_do(db, NULL, NULL,
		           "INSERT INTO Panneau (Pa_Cle, "
		           "Pa_Commentaire, Pa_Nom) VALUES (?, ?, ?)",
		           v, 3) == -1 ||
		        dir_audit(db, t->who, "NEWPANEL", t->name) == -1
		    ? DB_FAILED
		    : 0;
	r = dir_is_again(db, t->who, "NEWPANEL", t->name, NULL);
	if (r == DB_FAILED)
		return r;
	if (r == 0) {
		dir_say(t->comment, "the panel \"%.64s\" exists", t->name);
		return REFUSE(CODE_EXISTS);
	}
	return db_do(db, NULL, NULL,
	           "UPDATE Panneau SET Pa_Cle = ?, "
	           "Pa_Commentaire = ? WHERE Pa_Nom = ?",
	           v, 3) == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_newpanel(struct db *db, const struct dir_who *who, const char *name,
    struct span note, const unsigned char key[static PANEL_KEY_BYTES],
    char comment[static COMMENT_MAX + 1])
{
	struct panel_txn t = { who, name, note, key, comment };
	int code = dir_code(db_txn(db, newpanel_txn, &t), comment);

	if (code == CODE_OK)
		dir_say(comment,
		    "the panel has been made; its key is told "
		    "only now");
	return code;
}

static int
delpanel_txn(struct db *db, void *arg)
{
	struct panel_txn *t = arg;
	struct db_value v[1] = { db_str(t->name) };
	uint64_t gone;
	int r;

	if (dir_lock(db) == -1 ||
	    db_do(db, NULL, &gone,
	        "DELETE FROM Panneau "
	        "WHERE Pa_Nom = ?",
	        v, 1) == -1)
		return DB_FAILED;
	if (gone > 0) {
		dir_say(t->comment, "the panel has been deleted");
		return dir_audit(db, t->who, "DELPANEL", t->name) == -1
		    ? DB_FAILED
		    : 0;
	}
	r = dir_has_done(db, t->who, "DELPANEL", t->name, NULL);
	dir_say(t->comment,
	    r == DIR_DONE ? "the panel is deleted already"
	                  : "there is no panel \"%.64s\"",
	    t->name);
	return r == 0 ? REFUSE(CODE_NONE) : r;
}

int
dir_delpanel(struct db *db, const struct dir_who *who, const char *name,
    char comment[static COMMENT_MAX + 1])
{
	struct panel_txn t = { .who = who, .name = name, .comment = comment };

	return dir_code(db_txn(db, delpanel_txn, &t), comment);
}

int
dir_listpanel(struct db *db, const struct dir_page *page, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[2] = { db_bytes(page->match), db_bytes(page->after) };

	return dir_rows(db, rows,
	    "SELECT Pa_Nom, Pa_Nom, LOWER(HEX(Pa_Cle)), "
	    "Pa_Cree, Pa_Commentaire FROM Panneau WHERE LOCATE(?, Pa_Nom) > 0 "
	    "AND Pa_Nom > ? ORDER BY Pa_Nom LIMIT ?",
	    v, 2, comment);
}
