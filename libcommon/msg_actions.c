#include "config.h"
#include "libcommon/msg_actions.h"
#include "libcommon/addr.h"
#include "libcommon/wire.h"

void
msg_actions_put(struct buf *b, const struct msg_actions *m)
{
	wire_put_u32(b, m->nforward);
	buf_put_span(b, m->forward);
	wire_put_bytes(b, m->answer);
}

static bool
is_canonical(struct span address)
{
	struct addr a;

	return addr_parse(address, ADDR_UTF8, &a) == 0 && a.has_domain &&
	    span_is(address, a.text);
}

/* Every line, also the last, ends in CRLF, and neither stands alone. */
static bool
is_lines(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\n' && (i == 0 || s.data[i - 1] != '\r'))
			return false;
		if (s.data[i] == '\r' &&
		    (i + 1 == s.len || s.data[i + 1] != '\n'))
			return false;
		if (s.data[i] == '\0')
			return false;
	}
	return s.len == 0 || s.data[s.len - 1] == '\n';
}

void
msg_actions_get(struct wire *w, struct msg_actions *out)
{
	const unsigned char *start;

	out->nforward = wire_u32(w);
	start = w->next;
	if (out->nforward > FORWARDS_MAX)
		w->bad = true;
	for (uint32_t i = 0; i < out->nforward && !w->bad; i++)
		if (!is_canonical(wire_text(w, ADDR_MAX - 1)))
			w->bad = true;
	out->forward = w->bad ? span_from("", 0)
	                      : span_from(start, (size_t)(w->next - start));
	out->answer = wire_bytes(w, AUTOREPLY_MAX);
	if (!is_lines(out->answer))
		w->bad = true;
}

bool
msg_has_actions(const struct msg_actions *m)
{
	return m->nforward > 0 || m->answer.len > 0;
}

void
msg_actions_forward(struct msg_actions *m, struct buf *list,
    struct span address)
{
	wire_put_bytes(list, address);
	m->nforward++;
}

int
msg_actions_next(struct span *list, struct span *address_out)
{
	struct wire w;

	if (list->len == 0)
		return 0;
	wire_init(&w, *list);
	*address_out = wire_text(&w, ADDR_MAX - 1);
	*list = w.bad ? span_from("", 0) : span_from(w.next, w.left);
	return w.bad ? 0 : 1;
}
