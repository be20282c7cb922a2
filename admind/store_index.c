/*
 * The keys that lead to a row: what mail and logins look for.
 *
 *	'd' name            domain: its id, u8 local
 *	'm' domain, login   mailbox
 *	'p' domain          mailbox: the one named postmaster
 *	'h' length, short login, mailbox    (several may have the same)
 *	'c' mailbox, credential
 *	'a' server, name    alias
 *	'v' domain, user    virtual user; no user: what catches all
 *	's'                 server: this one
 */
#include "config.h"
#include "admind/store_int.h"

#include "libcommon/log.h"

/* A key whose value is the number of its row. */
static void
set(struct row_key *k, size_t len, uint32_t id)
{
	k->len = len;
	be32_put(k->value, id);
	k->value_len = 4;
}

static int
domain_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_domain d;

	if (feed_domain_get(row, &d) == -1)
		return -1;
	set(&out[0], domain_key(out[0].bytes, d.name), id);
	out[0].value[4] = d.local;
	out[0].value_len = 5;
	return 1;
}

static int
mailbox_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_mailbox m;
	int n = 1;

	if (feed_mailbox_get(row, &m) == -1)
		return -1;
	set(&out[0], login_key(out[0].bytes, m.domain, m.login), id);
	if (span_is(m.login, "postmaster")) {
		set(&out[n], postmaster_key(out[n].bytes, m.domain), id);
		n++;
	}
	if (m.short_login.len > 0) {
		struct row_key *k = &out[n++];

		k->len = short_key(k->bytes, m.short_login);
		be32_put(k->bytes + k->len, id);
		k->len += 4;
		k->value_len = 0;
	}
	return n;
}

static int
credential_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_credential c;

	if (feed_credential_get(row, &c) == -1)
		return -1;
	out[0].len = credential_key(out[0].bytes, c.mailbox, id);
	out[0].value_len = 0;
	return 1;
}

static int
alias_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_alias a;

	if (feed_alias_get(row, &a) == -1)
		return -1;
	set(&out[0], alias_key(out[0].bytes, a.server, a.name), id);
	return 1;
}

static int
virtual_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_virtual v;

	if (feed_virtual_get(row, &v) == -1)
		return -1;
	set(&out[0], virtual_key(out[0].bytes, v.domain, v.user), id);
	return 1;
}

static int
server_keys(struct span row, uint32_t id, struct row_key *out)
{
	struct feed_server s;

	if (feed_server_get(row, &s) == -1)
		return -1;
	out[0].bytes[0] = 's';
	set(&out[0], 1, id);
	return s.here;
}

int
store_row_keys(uint8_t table, uint32_t id, struct span row,
    struct row_key out[static ROW_KEYS_MAX])
{
	static int (*const keys[])(struct span, uint32_t, struct row_key *) = {
		[FEED_DOMAIN] = domain_keys,
		[FEED_MAILBOX] = mailbox_keys,
		[FEED_CREDENTIAL] = credential_keys,
		[FEED_ALIAS] = alias_keys,
		[FEED_VIRTUAL] = virtual_keys,
		[FEED_SERVER] = server_keys,
	};
	int n = keys[table](row, id, out);

	for (int i = 0; i < n; i++)
		if (out[i].len == 0)
			n = -1;
	if (n == -1)
		log_warnx("feed table=%u id=%u cannot be read", table, id);
	return n;
}
