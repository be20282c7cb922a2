/*
 * settings - what can be set of a mailbox: a request's fields, checked and in
 * the form the database keeps.
 */
#ifndef ADMIND_SETTINGS_H
#define ADMIND_SETTINGS_H

#include "admind/code.h"
#include "admind/names.h"
#include "libcommon/addr.h"

#define FORWARD_MAX 50         /* addresses */
#define FORWARD_BYTES 4000     /* of all of them, normalised */
#define QUOTA_MAX (1ull << 40) /* Kbytes */

/* In the order of the columns in dir_box_set.c. */
enum setting {
	SET_COMMENT,
	SET_QUOTA,
	SET_ANTIVIRUS,
	SET_FORWARD,
	SET_SMS_TEL,
	SET_SMS_FILTER,
	SET_SMS_EMAIL,
	SET_SMS_LOGIN,
	SET_SMS_PASSWORD,
	SET_VACATION,
	SET_SHORT,
	SET_USER,
	SET__COUNT
};
#define SET_ALL ((1u << SET__COUNT) - 1)

/* Not to be copied: text[] may point into it. */
struct settings {
	unsigned given; /* bits 1 << enum setting: is there at all */
	struct span text[SET__COUNT]; /* borrowed; "" where it is not given */
	uint64_t quota_kb;
	uint32_t user;      /* 0: nobody's */
	char number[2][24]; /* QUOTA, USER */
	char short_login[NAME_LOCAL_MAX + 1];
	char sms_email[ADDR_MAX];
	char forward[FORWARD_BYTES + 1];
};

/* Its option in the table of messages: "sms-tel". */
const char *setting_option(enum setting);

/*
 * Take one of them; value is borrowed and has passed message_take() (length,
 * UTF-8, no line ends).  0, or -1 with the reason in comment.
 *
 * FORWARD is a list of addresses (maillist.h).  The SMS password is kept as it
 * is: who stores it seals it.
 */
int settings_take(struct settings *, enum setting, struct span value,
    char comment[static COMMENT_MAX + 1]);

#endif
