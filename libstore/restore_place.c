/* Which paths of an archive are messages. */
#include "config.h"
#include "libstore/restore.h"

/* A name without anything that is a path, hidden, or trouble on a terminal. */
static bool
is_name(struct span s)
{
	if (s.len == 0 || s.len > STORE_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] == 0x7f || s.data[i] == '/')
			return false;
	return true;
}

/* The part before the next slash comes off the front of s; the whole of it if
 * there is none. */
static struct span
part(struct span *s)
{
	ptrdiff_t slash = span_chr(*s, '/');
	struct span p = slash == -1 ? *s : span_sub(*s, 0, (size_t)slash);

	*s = span_sub(*s, slash == -1 ? s->len : (size_t)slash + 1, s->len);
	return p;
}

int
restore_place(struct span path, struct restore_place *out)
{
	struct span p;

	memset(out, 0, sizeof(*out));
	do /* as "tar -c ." has it */
		p = part(&path);
	while (span_is(p, ".") && path.len > 0);
	if (span_is(p, MAILDIR))
		p = part(&path);
	if (p.len > 1 && p.data[0] == '.' && p.data[1] != '.') {
		if (!is_name(p) ||
		    span_copy(p, out->folder, sizeof(out->folder)) == -1)
			return -1;
		p = part(&path);
		if (span_is(p, "maildirfolder") && path.len == 0) {
			out->marker = true;
			return 0;
		}
	}
	out->in_new = span_is(p, "new");
	if ((!out->in_new && !span_is(p, "cur")) || !is_name(path) ||
	    path.data[0] == '.' ||
	    span_copy(path, out->name, sizeof(out->name)) == -1 ||
	    maildir_id_len(out->name) == 0)
		return -1;
	return 0;
}
