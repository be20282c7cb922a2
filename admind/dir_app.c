/* Passwords of single devices and programs: NEWAPP, DELAPP, LISTAPP. */
#include "config.h"
#include "admind/dir_box_int.h"

struct app_txn {
	struct box_txn t;
	struct span device;
	uint32_t services;
	const char *verifier;
	char object[330];
};

static int
find_box(struct db *db, struct app_txn *a, struct box_row *row)
{
	struct dir_domain d;
	int rc = box_find(db, a->t.who, a->t.in, &d, row, a->t.comment);

	if (rc != 0)
		return rc;
	if (row->state == BOX_DELETING) {
		dir_say(a->t.comment, "the mailbox is being deleted");
		return REFUSE(CODE_TEMP);
	}
	dir_box_object(a->t.in, a->object);
	return 0;
}

/* A device's password: 1 with its number, 0, DB_FAILED. */
static int
find_app(struct db *db, const struct app_txn *a, uint64_t mailbox,
    uint64_t *id_out)
{
	struct db_value v[2] = { db_u64(mailbox), db_bytes(a->device) };
	struct db_rows r;
	int rc = db_query(db, &r,
	    "SELECT Id_IdIdentifiant FROM Identifiant "
	    "WHERE Id_IdBAL = ? AND Id_Type = 2 AND Id_Appareil = ? FOR UPDATE",
	    v, 2);

	if (rc == 0 && db_next(&r)) {
		*id_out = db_column_u64(&r, 0);
		rc = 1;
	}
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : rc;
}

/* The device is the audit row's comment. */
static int
audit(struct db *db, const struct app_txn *a, const char *type)
{
	struct db_value v[1] = { db_bytes(a->device) };

	return dir_audit(db, a->t.who, type, a->object) == -1
	    ? -1
	    : db_do(db, NULL, NULL,
	          "UPDATE Audit SET Au_Commentaire = ? WHERE "
	          "Au_Id = LAST_INSERT_ID()",
	          v, 1);
}

static int
check_room(struct db *db, const struct app_txn *a, uint64_t mailbox)
{
	struct db_value v[1] = { db_u64(mailbox) };
	struct db_rows r;
	uint64_t n = 0;
	int rc = db_query(db, &r,
	    "SELECT COUNT(*) FROM Identifiant WHERE "
	    "Id_IdBAL = ? AND Id_Type = 2",
	    v, 1);

	if (rc == 0 && db_next(&r))
		n = db_column_u64(&r, 0);
	db_rows_clear(&r);
	if (rc == -1)
		return DB_FAILED;
	if (n < APPS_MAX)
		return 0;
	dir_say(a->t.comment,
	    "the mailbox has its %d passwords for devices; "
	    "delete one first",
	    APPS_MAX);
	return REFUSE(CODE_LIMIT);
}

static int
newapp_txn(struct db *db, void *arg)
{
	struct app_txn *a = arg;
	struct db_value v[4] = { db_str(a->verifier), db_u64(a->services) };
	struct box_row row;
	uint64_t id;
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = find_box(db, a, &row)) != 0 ||
	    (rc = find_app(db, a, row.id, &id)) == DB_FAILED)
		return rc;
	if (rc == 1) {
		rc = dir_is_again(db, a->t.who, "NEWAPP", a->object,
		    &a->device);
		if (rc == 0) {
			dir_say(a->t.comment,
			    "there is a password for this "
			    "device; delete it first");
			return REFUSE(CODE_EXISTS);
		}
		/* Its answer was lost, and with it the password. */
		v[2] = db_u64(id);
		return rc == DB_FAILED ||
		        db_do(db, NULL, NULL,
		            "UPDATE "
		            "Identifiant SET Id_Verificateur = ?, Id_Services = ? "
		            "WHERE Id_IdIdentifiant = ?",
		            v, 3) == -1 ||
		        dir_journal(db, FEED_CREDENTIAL, id) == -1
		    ? DB_FAILED
		    : 0;
	}
	if ((rc = check_room(db, a, row.id)) != 0)
		return rc;
	v[2] = db_u64(row.id);
	v[3] = db_bytes(a->device);
	return db_do(db, &id, NULL,
	           "INSERT INTO Identifiant (Id_Verificateur, "
	           "Id_Services, Id_IdBAL, Id_Appareil, Id_Type) VALUES "
	           "(?, ?, ?, ?, 2)",
	           v, 4) == -1 ||
	        dir_journal(db, FEED_CREDENTIAL, id) == -1 ||
	        audit(db, a, "NEWAPP") == -1
	    ? DB_FAILED
	    : 0;
}

int
dir_newapp(struct db *db, const struct dir_who *who,
    const struct dir_mailbox *m, struct span device, uint32_t services,
    const char *verifier, char comment[static COMMENT_MAX + 1])
{
	struct app_txn a = { .t = { .who = who, .in = m, .comment = comment },
		.device = device,
		.services = services,
		.verifier = verifier };

	return dir_code(db_txn(db, newapp_txn, &a), comment);
}

static int
delapp_txn(struct db *db, void *arg)
{
	struct app_txn *a = arg;
	struct db_value v[1];
	struct box_row row;
	uint64_t id;
	int rc;

	if (dir_lock(db) == -1)
		return DB_FAILED;
	if ((rc = find_box(db, a, &row)) != 0 ||
	    (rc = find_app(db, a, row.id, &id)) == DB_FAILED)
		return rc;
	if (rc == 1) {
		v[0] = db_u64(id);
		dir_say(a->t.comment, "the device's password is good no more");
		return dir_journal(db, FEED_CREDENTIAL, id) == -1 ||
		        db_do(db, NULL, NULL,
		            "DELETE FROM Identifiant WHERE "
		            "Id_IdIdentifiant = ?",
		            v, 1) == -1 ||
		        audit(db, a, "DELAPP") == -1
		    ? DB_FAILED
		    : 0;
	}
	rc = dir_has_done(db, a->t.who, "DELAPP", a->object, &a->device);
	dir_say(a->t.comment,
	    rc == DIR_DONE ? "it is deleted already"
	                   : "the mailbox has no password for this device");
	return rc == 0 ? REFUSE(CODE_NONE) : rc;
}

int
dir_delapp(struct db *db, const struct dir_who *who,
    const struct dir_mailbox *m, struct span device,
    char comment[static COMMENT_MAX + 1])
{
	struct app_txn a = { .t = { .who = who, .in = m, .comment = comment },
		.device = device };

	return dir_code(db_txn(db, delapp_txn, &a), comment);
}

int
dir_listapp(struct db *db, uint32_t mailbox, struct rows *rows,
    char comment[static COMMENT_MAX + 1])
{
	struct db_value v[1] = { db_u64(mailbox) };

	/* The bits of enum service. */
	return dir_rows(db, rows,
	    "SELECT Id_IdIdentifiant, Id_Appareil, "
	    "CONCAT_WS(',', IF(Id_Services & 2, 'smtp', NULL), "
	    "IF(Id_Services & 4, 'pop3', NULL), IF(Id_Services & 8, 'imap', "
	    "NULL)), Id_Cree FROM Identifiant WHERE Id_IdBAL = ? AND "
	    "Id_Type = 2 ORDER BY Id_IdIdentifiant LIMIT ?",
	    v, 1, comment);
}
