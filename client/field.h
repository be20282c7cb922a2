/*
 * field - the one definition of how fields are written, for both sides:
 * fields stand between "|", and in a field |, \, CR, LF and NUL are written
 * \p, \\, \r, \n and \0.  Nothing else is escaped, and nothing else is an
 * escape.
 */
#ifndef CLIENT_FIELD_H
#define CLIENT_FIELD_H

#include <stddef.h>

/* How many bytes a field of n bytes has when it is written: 2 * n at most. */
size_t semail_field_size(const void *field, size_t n);
/* Write it to out; its length. */
size_t semail_field_put(char *out, const void *field, size_t n);
/* The bytes of the written field of n bytes, which has no "|" of its own, to
 * out (n bytes of room; may be in): 0 with their number, or -1: an unknown
 * escape, one cut short, a bare "|", CR, LF or NUL. */
int semail_field_get(void *out, size_t *out_len, const void *in, size_t n);

#endif
