/*
 * May a mailbox be called so?  Reserved names, names that something else has,
 * and logins that would be two mailboxes' (AC-5): bob@x.example may log in as
 * "bob.x.example", or by a short login.
 *
 * Each question is a look-up of a key, however many mailboxes there are.
 */
#include "config.h"
#include "admind/dir_box_int.h"
#include "admind/names.h"

#include <stdio.h>

/* A query's first column of its first row; 0 if there is none. */
static int
look_up(struct db *db, uint64_t *out, const char *sql, const struct db_value *v,
    unsigned n)
{
	struct db_rows r;
	int rc = db_query(db, &r, sql, v, n);

	*out = rc == 0 && db_next(&r) ? db_column_u64(&r, 0) : 0;
	db_rows_clear(&r);
	return rc == -1 ? DB_FAILED : 0;
}

/* Is this login another mailbox's flat form, cut at any of its dots? */
static int
find_flat(struct db *db, struct span login, uint64_t but, uint64_t *out)
{
	struct db_value v[3];

	*out = 0;
	v[2] = db_u64(but);
	for (size_t i = 1; i + 1 < login.len && i <= 64 && *out == 0; i++) {
		if (login.data[i] != '.')
			continue;
		v[0] = db_bytes(span_sub(login, i + 1, login.len));
		v[1] = db_bytes(span_sub(login, 0, i));
		if (look_up(db, out,
		        "SELECT Ba_IdBAL FROM Domaine JOIN BAL ON "
		        "Ba_IdDomaine = Do_IdDomaine WHERE Do_NomDomaine = ? AND "
		        "Ba_Login = ? AND Ba_IdBAL <> ?",
		        v, 3) == -1)
			return DB_FAILED;
	}
	return 0;
}

static int
check_taken(struct db *db, const struct dir_domain *d, const char *login,
    char *comment)
{
	struct db_value v[3] = { db_u64(d->id), db_str(login) };
	uint64_t id;

	if (look_up(db, &id,
	        "SELECT Vi_IdVirtual FROM VirtualUser WHERE "
	        "Vi_IdDomaine = ? AND Vi_UtilisateurVirtuel = ?",
	        v, 2) == -1)
		return DB_FAILED;
	if (id != 0) {
		dir_say(comment, "%.64s is a virtual user of the domain",
		    login);
		return REFUSE(CODE_EXISTS);
	}
	v[0] = db_u64(d->server);
	v[2] = db_u64(d->id);
	if (look_up(db, &id,
	        "SELECT Al_IdAlias FROM Alias WHERE "
	        "Al_IdServeur = ? AND Al_Nom = ? AND Al_IdDomaine = ?",
	        v, 3) == -1)
		return DB_FAILED;
	if (id != 0) {
		dir_say(comment, "%.64s is an alias of the domain", login);
		return REFUSE(CODE_EXISTS);
	}
	return 0;
}

static int
check_flat(struct db *db, const struct dir_mailbox *m, char *comment)
{
	char flat[65 + 256];
	struct db_value v[1];
	uint64_t id;

	snprintf(flat, sizeof(flat), "%s.%s", m->login, m->domain);
	if (find_flat(db, span_of(flat), 0, &id) == -1)
		return DB_FAILED;
	v[0] = db_str(flat);
	if (id == 0 && strlen(flat) <= 64 &&
	    look_up(db, &id,
	        "SELECT Ba_IdBAL FROM BAL WHERE Ba_LoginCourt = ? LIMIT 1", v,
	        1) == -1)
		return DB_FAILED;
	if (id == 0)
		return 0;
	dir_say(comment, "the login %.150s would be two mailboxes'", flat);
	return REFUSE(CODE_EXISTS);
}

int
box_check_name(struct db *db, const struct dir_who *who,
    const struct dir_domain *d, const struct dir_mailbox *m, char *comment)
{
	struct db_value v[2] = { db_u64(d->id), db_str(m->login) };
	uint64_t id;
	int rc;

	/* DI-7: a client has them only where its domain may. */
	if (who->kind != WHO_ALL && who->kind != WHO_ADMIN && !d->reserved &&
	    name_is_reserved(m->login)) {
		dir_say(comment, "the name %.64s is the administrator's",
		    m->login);
		return REFUSE(CODE_DENIED);
	}
	if (look_up(db, &id,
	        "SELECT Ba_IdBAL FROM BAL WHERE Ba_IdDomaine = ? "
	        "AND Ba_Login = ?",
	        v, 2) == -1)
		return DB_FAILED;
	if (id != 0) {
		dir_say(comment, "the mailbox exists");
		return REFUSE(CODE_EXISTS);
	}
	if ((rc = check_taken(db, d, m->login, comment)) != 0)
		return rc;
	return check_flat(db, m, comment);
}

int
box_check_short(struct db *db, const struct dir_domain *d, uint64_t id,
    struct span name, char *comment)
{
	struct db_value v[3] = { db_bytes(name), db_u64(id),
		db_u64(d->server) };
	uint64_t other;

	if (name.len == 0)
		return 0;
	if (look_up(db, &other,
	        "SELECT Ba_IdBAL FROM BAL JOIN Domaine ON "
	        "Do_IdDomaine = Ba_IdDomaine JOIN ServeurMail ON Se_IdServeur = "
	        "Do_IdServeur WHERE Ba_LoginCourt = ? AND Ba_IdBAL <> ? AND "
	        "Se_IdServeur = ? AND Se_StructLogin = 'SANSDOMAINE' LIMIT 1",
	        v, 3) == -1 ||
	    (other == 0 && find_flat(db, name, id, &other) == -1))
		return DB_FAILED;
	if (other == 0)
		return 0;
	dir_say(comment, "SHORT LOGIN %.*s would be two mailboxes'",
	    (int)name.len, (const char *)name.data);
	return REFUSE(CODE_EXISTS);
}
