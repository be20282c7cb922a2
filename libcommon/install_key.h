/*
 * install_key - the 32 bytes of state-dir/admin.key, made once, from which
 * every key of admind's comes.  semaild reads the file and hands it to admind
 * and to nobody else.
 */
#ifndef LIBCOMMON_INSTALL_KEY_H
#define LIBCOMMON_INSTALL_KEY_H

#define INSTALL_KEY_BYTES 32

enum install_use {
	INSTALL_SERVER, /* X25519 secret: admind, as panels know it */
	INSTALL_LOCAL,  /* X25519 secret: the panel "local", of root */
	INSTALL_SEAL,   /* for secrets in the database: admind/key.h */
	INSTALL__COUNT
};

/* Each use has a key of its own, which tells nothing of the others. */
void install_key_derive(unsigned char out[static 32],
    const unsigned char key[static INSTALL_KEY_BYTES], enum install_use);

#endif
