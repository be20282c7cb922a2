/* dir_panel - the table of panels: names and public keys. */
#ifndef ADMIND_DIR_PANEL_H
#define ADMIND_DIR_PANEL_H

#include "admind/directory.h"

#define PANEL_KEY_BYTES 32

struct rows;

/* 1 with the public key, 0 if there is no such panel, -1 not known now. */
int dir_panel_key(struct db *, const char *name,
    unsigned char key[static PANEL_KEY_BYTES]);

/* CODE_OK, CODE_EXISTS, CODE_TEMP.  The same request again (by its id) puts the
 * new key in the place of the one whose answer was lost. */
int dir_newpanel(struct db *, const struct dir_who *, const char *name,
    struct span note, const unsigned char key[static PANEL_KEY_BYTES],
    char comment[static COMMENT_MAX + 1]);
/* CODE_OK, also when it has been deleted before; CODE_NONE, CODE_TEMP. */
int dir_delpanel(struct db *, const struct dir_who *, const char *name,
    char comment[static COMMENT_MAX + 1]);
#define PANEL_COLUMNS "panel|key|made|comment"
int dir_listpanel(struct db *, const struct dir_page *, struct rows *,
    char comment[static COMMENT_MAX + 1]);

#endif
