#include "config.h"
#include "admind/export_text.h"

#include "admind/maillist.h"
#include "admind/names.h"

#define MARK "# semail journal="
#define MARK_OF " directory="

bool
export_alias(struct buf *b, struct span name, struct span list)
{
	char kept[NAME_LOCAL_MAX + 1], why[MAILLIST_WHY];
	size_t before = b->len;

	if (!name_local(name, kept))
		return false;
	buf_puts(b, kept);
	buf_puts(b, ": ");
	if (maillist_take(list, MAILLIST_NAMES, b, why) == -1) {
		buf_truncate(b, before);
		return false;
	}
	buf_putc(b, '\n');
	return true;
}

bool
export_virtual(struct buf *b, struct span user, struct span domain,
    struct span real, struct span real_domain)
{
	char kept_user[NAME_LOCAL_MAX + 1] = "", kept_domain[256];
	char kept_real[NAME_LOCAL_MAX + 1], text[ADDR_MAX];
	char why[MAILLIST_WHY];
	struct addr a;
	size_t n;

	if ((user.len > 0 && !name_local(user, kept_user)) ||
	    !name_domain(domain, kept_domain))
		return false;
	if (real_domain.len == 0) {
		if (!name_local(real, kept_real))
			return false;
	} else {
		if (real.len + 1 + real_domain.len >= sizeof(text))
			return false;
		memcpy(text, real.data, real.len);
		text[real.len] = '@';
		n = real.len + 1;
		memcpy(text + n, real_domain.data, real_domain.len);
		if (maillist_address(span_from(text, n + real_domain.len), &a,
		        why) == -1)
			return false;
	}
	buf_puts(b, kept_user);
	buf_putc(b, '@');
	buf_puts(b, kept_domain);
	buf_puts(b, "  ");
	buf_puts(b, real_domain.len == 0 ? kept_real : a.text);
	buf_putc(b, '\n');
	return true;
}

bool
export_passwd(struct buf *b, struct span login, struct span domain,
    uint64_t uid, struct span comment, const char *homes,
    const struct account *a)
{
	char name[NAME_LOCAL_MAX + 1], in[256];

	if (!name_local(login, name) || !name_domain(domain, in))
		return false;
	buf_printf(b, "%s@%s:x:%llu:%llu:", name, in, (unsigned long long)uid,
	    a != NULL ? (unsigned long long)a->gid : (unsigned long long)uid);
	for (size_t i = 0; i < comment.len; i++) {
		unsigned char c = comment.data[i];

		buf_putc(b, c < ' ' || c == 0x7f || c == ':' ? '?' : c);
	}
	if (a != NULL)
		buf_printf(b, ":%s:/usr/sbin/nologin\n", a->home);
	else
		buf_printf(b, ":%s/%s/%s:/usr/sbin/nologin\n", homes, in, name);
	return true;
}

void
export_mark_put(struct buf *b, const struct export_mark *m)
{
	buf_printf(b, MARK "%llu" MARK_OF "%llu\n",
	    (unsigned long long)m->journal, (unsigned long long)m->directory);
}

int
export_mark_get(struct span s, struct export_mark *out)
{
	size_t n = strlen(MARK), of = strlen(MARK_OF);
	ptrdiff_t blank, end;

	if (!span_is(span_sub(s, 0, n), MARK))
		return -1;
	s = span_sub(s, n, s.len);
	if ((blank = span_chr(s, ' ')) < 0 ||
	    (end = span_chr(s, '\n')) < blank ||
	    !span_is(span_sub(s, (size_t)blank, of), MARK_OF) ||
	    span_u64(span_sub(s, 0, (size_t)blank), UINT64_MAX,
	        &out->journal) == -1)
		return -1;
	s = span_sub(s, 0, (size_t)end);
	return span_u64(span_sub(s, (size_t)blank + of, s.len), UINT64_MAX,
	    &out->directory);
}
