#include "config.h"
#include "admind/settings.h"

#include "admind/maillist.h"
#include <stdarg.h>
#include <stdio.h>

static const char *const options[SET__COUNT] = { "comment", "quota",
	"antivirus", "forward", "sms-tel", "sms-filter", "sms-email",
	"sms-login", "sms-password", "vacation", "short", "user" };

const char *
setting_option(enum setting s)
{
	return options[s];
}

static __attribute__((format(printf, 2, 3))) int
wrong(char comment[static COMMENT_MAX + 1], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(comment, COMMENT_MAX + 1, fmt, ap);
	va_end(ap);
	return -1;
}

static int
take_forward(struct settings *s, struct span value,
    char comment[static COMMENT_MAX + 1])
{
	char why[MAILLIST_WHY];
	unsigned n = 1;
	struct buf b;
	int r = 0;

	s->text[SET_FORWARD] = span_from(s->forward, 0);
	if (span_trim(value).len == 0)
		return 0;
	buf_init(&b, FORWARD_BYTES);
	if (maillist_take(value, 0, &b, why) == -1)
		r = wrong(comment, "FORWARD: %s", why);
	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == ',';
	if (r == 0 && n > FORWARD_MAX)
		r = wrong(comment, "FORWARD has more than %d addresses",
		    FORWARD_MAX);
	if (r == 0) {
		memcpy(s->forward, b.data, b.len);
		s->text[SET_FORWARD] = span_from(s->forward, b.len);
	}
	buf_clear(&b);
	return r;
}

static int
take_number(struct settings *s, enum setting which, struct span value,
    uint64_t max, uint64_t *out)
{
	char *text = s->number[which == SET_USER];

	*out = 0;
	if (value.len > 0 && span_u64(value, max, out) == -1)
		return -1;
	snprintf(text, sizeof(s->number[0]), "%llu", (unsigned long long)*out);
	s->text[which] = span_of(text);
	return 0;
}

/* As people write them: +33 (0)1 23-45.67 */
static bool
is_phone(struct span s)
{
	unsigned digits = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] >= '0' && s.data[i] <= '9')
			digits++;
		else if (s.data[i] == '+' ? i > 0
		                          : s.data[i] == '\0' ||
		            strchr(" .-()/", s.data[i]) == NULL)
			return false;
	}
	return digits >= 3;
}

int
settings_take(struct settings *s, enum setting which, struct span value,
    char comment[static COMMENT_MAX + 1])
{
	struct addr addr;
	uint64_t n;

	s->text[which] = value;
	switch (which) {
	case SET_COMMENT:
		/* In a passwd file it will be one field of one line. */
		if (span_chr(value, ':') != -1)
			return wrong(comment, "COMMENT may hold no colon");
		break;
	case SET_QUOTA:
		if (take_number(s, which, value, QUOTA_MAX, &s->quota_kb) == -1)
			return wrong(comment, "QUOTA is too large");
		break;
	case SET_ANTIVIRUS:
		s->text[which] = span_of(value.len > 0 ? "OUI" : "NON");
		break;
	case SET_FORWARD:
		if (take_forward(s, value, comment) == -1)
			return -1;
		break;
	case SET_SMS_TEL:
		if (value.len > 0 && !is_phone(value))
			return wrong(comment, "TEL SMS is no telephone number");
		break;
	case SET_SMS_EMAIL:
		if (value.len == 0)
			break;
		if (addr_parse(value, 0, &addr) == -1 || !addr.has_domain)
			return wrong(comment, "SMS EMAIL is no mail address");
		memcpy(s->sms_email, addr.text, sizeof(s->sms_email));
		s->text[which] = span_of(s->sms_email);
		break;
	case SET_SHORT:
		if (value.len > 0 && !name_local(value, s->short_login))
			return wrong(comment, "SHORT LOGIN " NAME_LOCAL_RULE);
		if (value.len > 0)
			s->text[which] = span_of(s->short_login);
		break;
	case SET_USER:
		if (take_number(s, which, value, INT32_MAX, &n) == -1)
			return wrong(comment, "USER is no user's number");
		s->user = (uint32_t)n;
		break;
	case SET_SMS_FILTER:
	case SET_SMS_LOGIN:
	case SET_SMS_PASSWORD:
	case SET_VACATION:
	case SET__COUNT:
		break;
	}
	s->given |= 1u << which;
	return 0;
}
