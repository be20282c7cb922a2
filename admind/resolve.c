#include "config.h"
#include "admind/authd.h"

#include "libcommon/addr.h"

#include <stdio.h>

/* ASCII lower case of both parts; domains have been through addr.c before they
 * come here, what is not in its form then matches nothing. */
static size_t
lower(char *dst, size_t size, struct span s)
{
	if (s.len == 0 || s.len > size)
		return 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		dst[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return s.len;
}

static ptrdiff_t
last_at(struct span a)
{
	for (size_t i = a.len; i > 0; i--)
		if (a.data[i - 1] == '@')
			return (ptrdiff_t)i - 1;
	return -1;
}

void
box_address(const struct store_box *b, char out[static 321])
{
	snprintf(out, 321, "%.64s@%.255s", b->login, b->domain_name);
}

/* A login of a domain: as written, else without its +detail. */
static enum store_answer
find_user(struct store *s, uint32_t domain, struct span login, uint32_t *id)
{
	enum store_answer a = store_find(s, domain, login, id);
	ptrdiff_t plus = span_chr(login, '+');

	if (a == STORE_NONE && plus > 0)
		a = store_find(s, domain, span_sub(login, 0, (size_t)plus), id);
	return a;
}

enum store_answer
resolve_address(struct store *s, struct span address, struct store_box *out,
    bool *ours_out)
{
	char local[ADDR_LOCAL_MAX], domain[ADDR_DOMAIN_MAX];
	ptrdiff_t at = last_at(address);
	size_t nlocal, ndomain;
	enum store_answer a;
	uint32_t domain_id, id;
	bool is_local;

	*ours_out = false;
	if (at < 0) {
		/* RFC 5321 4.5.1: postmaster alone is somebody here. */
		*ours_out = true;
		if (!span_is_icase(address, "postmaster"))
			return STORE_NONE;
		a = store_find_anywhere(s, span_of("postmaster"), &id);
		return a == STORE_FOUND ? store_box(s, id, out) : a;
	}
	nlocal = lower(local, sizeof(local), span_sub(address, 0, (size_t)at));
	ndomain = lower(domain, sizeof(domain),
	    span_sub(address, (size_t)at + 1, address.len));
	a = store_domain(s, span_from(domain, ndomain), &domain_id, &is_local);
	if (a != STORE_FOUND)
		return a;
	if (!is_local)
		return STORE_NONE;
	*ours_out = true;
	a = find_user(s, domain_id, span_from(local, nlocal), &id);
	return a == STORE_FOUND ? store_box(s, id, out) : a;
}

enum rcpt_verdict
resolve_rcpt(struct store *s, struct span address, struct store_box *box,
    char box_text[static 321], struct grant *out)
{
	bool ours;

	out->n = 0;
	switch (resolve_address(s, address, box, &ours)) {
	case STORE_UNKNOWN:
		return RCPT_TEMP;
	case STORE_NONE:
		if (ours)
			return RCPT_NO_USER;
		out->n = 1;
		out->targets[0] = (struct target){ TARGET_REMOTE, 0, address };
		return RCPT_NOT_OURS;
	case STORE_FOUND:
		break;
	}
	/* Being made, being removed, switched off: nothing is lost by asking
	 * the sender to wait. */
	if (box->state != BOX_ACTIVE)
		return RCPT_TEMP;
	if (box->quota_kb > 0 &&
	    usage_get(s, box->mailbox) / 1024 >= box->quota_kb)
		return RCPT_FULL;
	box_address(box, box_text);
	out->n = 1;
	out->targets[0] = (struct target){ TARGET_MAILBOX, box->mailbox,
		span_of(box_text) };
	return RCPT_OK;
}

/* A mailbox may write as itself and its +detail forms; <> is for notices that
 * mail programs send (RFC 8098, RFC 5321 4.5.5). */
bool
resolve_sender(struct store *s, uint32_t mailbox, struct span path)
{
	struct store_box box;
	bool ours;

	if (path.len == 0)
		return store_box(s, mailbox, &box) == STORE_FOUND &&
		    box.state == BOX_ACTIVE;
	return resolve_address(s, path, &box, &ours) == STORE_FOUND &&
	    box.mailbox == mailbox && box.state == BOX_ACTIVE;
}
