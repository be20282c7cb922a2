/*
 * dir_test - a MariaDB server of one's own, for the tests of dir*.c.
 */
#ifndef ADMIND_DIR_TEST_H
#define ADMIND_DIR_TEST_H

#include "admind/dir_int.h"

/* Installed and started, in a folder that ends with the test.  1, 0 if there is
 * no MariaDB here (say so and end), -1. */
int testdb_start(const char *name);
void testdb_end(void);
void testdb_kill(void);  /* as in a crash */
void testdb_again(void); /* after that */
/* Not connected; db_free() it. */
struct db *testdb_client(void);
struct db *testdb_client_at(const char *socket_path);
const char *testdb_socket(void); /* its path */
bool testdb_wait(struct db *);
bool testdb_is_there(void); /* it listens (again) */

/* One number, or text, of one row. */
uint64_t testdb_number(struct db *, const char *sql);
const char *testdb_text(struct db *, const char *sql);
/* The journal is without gaps and as long as its counter says. */
bool testdb_journal_is_whole(struct db *);

extern const struct dir_who testdb_admin;

#endif
