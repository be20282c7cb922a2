#include "config.h"
#include "admind/scheme.h"

#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

#include <crypt.h>
#include <errno.h>

static int
verify_crypt(struct span password, struct span text)
{
	static struct crypt_data data;
	char setting[VERIFIER_MAX + 1], typed[PASSWORD_MAX + 1];
	const char *got;
	int r;

	/* To crypt(3) a NUL would end the password: none fits with one. */
	if (span_copy(password, typed, sizeof(typed)) == -1)
		return 0;
	if (span_copy(text, setting, sizeof(setting)) == -1) {
		errno = EINVAL;
		return -1;
	}
	memset(&data, 0, sizeof(data));
	got = crypt_rn(typed, setting, &data, sizeof(data));
	r = got == NULL
	    ? -1
	    : strlen(got) == text.len && secret_equal(got, text.data, text.len);
	explicit_bzero(typed, sizeof(typed));
	explicit_bzero(&data, sizeof(data));
	return r;
}

static int
verify_argon2(struct span password, struct span text)
{
	char verifier[VERIFIER_MAX + 1];

	if (span_copy(text, verifier, sizeof(verifier)) == -1) {
		errno = EINVAL;
		return -1;
	}
	return secret_verify(password, verifier);
}

static int
verify_hash(struct span password, const struct scheme *s)
{
	unsigned char got[DIGEST_MAX] = { 0 };
	struct span parts[2] = { password, span_from(s->salt, s->salt_len) };
	int r = s->kind == SCHEME_DIGEST
	    ? digest_make(s->digest, parts, 2, got)
	    : digest_pbkdf2(s->digest, password, parts[1], s->rounds, got,
	          s->hash_len);

	if (r == 0)
		r = secret_equal(got, s->hash, s->hash_len);
	explicit_bzero(got, sizeof(got));
	return r;
}

int
scheme_verify(struct span password, const char *verifier)
{
	struct scheme s;
	int r;

	/* Read again: not all that is in the directory came through admind. */
	if (scheme_read(span_of(verifier), &s) != NULL) {
		errno = EINVAL;
		return -1;
	}
	switch (s.kind) {
	case SCHEME_ARGON2:
		r = verify_argon2(password, s.text);
		break;
	case SCHEME_CRYPT:
		r = verify_crypt(password, s.text);
		break;
	default:
		r = verify_hash(password, &s);
	}
	explicit_bzero(&s, sizeof(s));
	return r;
}
