#include "config.h"
#include "libcommon/msg_hook.h"

#include "libcommon/wire.h"

const char *const hook_names[] = { "domain-new", "domain-mod", "domain-del",
	"mailbox-new", "mailbox-mod", "mailbox-del", "alias-new", "alias-mod",
	"alias-del", "virtual-new", "virtual-mod", "virtual-del", "client-new",
	"client-mod", "client-del" };
const unsigned nhook_names = nitems(hook_names);

const char *const hook_vars[] = { "SEMAIL_TYPE", "SEMAIL_WHO", "SEMAIL_ORIGIN",
	"SEMAIL_DATE", "SEMAIL_AUDIT_ID", "SEMAIL_OBJECT", "SEMAIL_DOMAIN",
	"SEMAIL_MAILBOX", "SEMAIL_ADDRESS", "SEMAIL_ALIAS", "SEMAIL_CLIENT" };
const unsigned nhook_vars = nitems(hook_vars);

static int
find(const char *const *list, unsigned n, struct span name, unsigned *out)
{
	for (*out = 0; *out < n; (*out)++)
		if (span_is(name, list[*out]))
			return 0;
	return -1;
}

int
hook_by_name(struct span name, unsigned *out)
{
	return find(hook_names, nhook_names, name, out);
}

static bool
is_clean(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' || s.data[i] == 0x7f)
			return false;
	return true;
}

void
msg_hook_put(struct buf *b, const struct msg_hook *m)
{
	wire_put_str(b, hook_names[m->hook]);
	wire_put_u32(b, m->n);
	for (unsigned i = 0; i < m->n; i++) {
		wire_put_str(b, hook_vars[m->var[i].name]);
		wire_put_bytes(b, m->var[i].value);
	}
}

int
msg_hook_get(struct span in, struct msg_hook *out)
{
	struct wire w;
	uint32_t seen = 0;

	memset(out, 0, sizeof(*out));
	wire_init(&w, in);
	if (hook_by_name(wire_text(&w, 32), &out->hook) == -1)
		return -1;
	out->n = wire_u32(&w);
	if (out->n > HOOK_VARS_MAX)
		return -1;
	for (unsigned i = 0; i < out->n; i++) {
		if (find(hook_vars, nhook_vars, wire_text(&w, 32),
		        &out->var[i].name) == -1)
			return -1;
		out->var[i].value = wire_text(&w, HOOK_VALUE_MAX);
		if (!is_clean(out->var[i].value) ||
		    (seen & 1u << out->var[i].name))
			return -1;
		seen |= 1u << out->var[i].name;
	}
	return wire_done(&w);
}

struct span
msg_hook_var(const struct msg_hook *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (strcmp(hook_vars[m->var[i].name], name) == 0)
			return m->var[i].value;
	return span_from("", 0);
}

void
msg_hooked_put(struct buf *b, const struct msg_hooked *m)
{
	wire_put_u32(b, m->status);
	wire_put_bytes(b, m->said);
}

int
msg_hooked_get(struct span in, struct msg_hooked *out)
{
	struct wire w;

	wire_init(&w, in);
	out->status = wire_u32(&w);
	out->said = wire_text(&w, HOOK_SAID_MAX);
	if (out->status > HOOK_UNFIT || !is_clean(out->said))
		return -1;
	return wire_done(&w);
}
