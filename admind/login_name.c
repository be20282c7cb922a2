#include "config.h"
#include "admind/login_name.h"

#include "libcommon/addr.h"

/* More dots than a domain of 255 octets has labels say nothing. */
#define SPLITS_MAX 128

/* A server with nothing known of it is as a new one. */
static enum store_answer
server_of(struct store *s, const struct store_box *box, struct feed_server *out)
{
	enum store_answer a = store_server(s, box->server, out);

	if (a == STORE_NONE) {
		*out = (struct feed_server){ .type = SERVER_IMAP,
			.logins = LOGINS_WITH_DOMAIN };
		a = STORE_FOUND;
	}
	return a;
}

/* login at domain, exactly. */
static enum store_answer
find_at(struct store *s, struct span login, struct span domain, uint32_t *id)
{
	enum store_answer a;
	uint32_t domain_id;
	bool local = false;

	if (login.len == 0)
		return STORE_NONE;
	a = store_domain(s, domain, &domain_id, &local);
	if (a == STORE_FOUND && !local)
		a = STORE_NONE;
	return a == STORE_FOUND ? store_find(s, domain_id, login, id) : a;
}

static enum store_answer
find_flat(struct store *s, struct span name, uint32_t *id)
{
	enum store_answer a;
	unsigned splits = 0;

	for (size_t i = name.len; i > 0 && splits < SPLITS_MAX; i--) {
		if (name.data[i - 1] != '.')
			continue;
		splits++;
		a = find_at(s, span_sub(name, 0, i - 1),
		    span_sub(name, i, name.len), id);
		if (a != STORE_NONE)
			return a;
	}
	return STORE_NONE;
}

struct short_ask {
	struct store *store;
	bool unknown;
};

/* On a server that takes short logins? */
static bool
short_fits(void *arg, uint32_t mailbox)
{
	struct short_ask *ask = arg;
	struct feed_server server;
	struct store_box box;
	enum store_answer a;

	a = store_box(ask->store, mailbox, &box);
	if (a == STORE_FOUND)
		a = server_of(ask->store, &box, &server);
	if (a == STORE_UNKNOWN)
		ask->unknown = true;
	return a == STORE_FOUND && box.local && server.logins == LOGINS_SHORT;
}

static enum store_answer
find_short(struct store *s, struct span name, uint32_t *id)
{
	struct short_ask ask = { s, false };
	enum store_answer a = store_find_short(s, name, short_fits, &ask, id);

	return ask.unknown ? STORE_UNKNOWN : a;
}

enum store_answer
login_find(struct store *s, struct span name, uint8_t service,
    struct store_box *out)
{
	char text[LOGIN_MAX];
	struct feed_server server;
	enum store_answer a;
	ptrdiff_t at = -1;
	uint32_t id;

	if (name.len == 0 || name.len > sizeof(text))
		return STORE_NONE;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = name.data[i];

		text[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		if (c == '@')
			at = (ptrdiff_t)i;
	}
	name = span_from(text, name.len);
	if (at >= 0)
		a = find_at(s, span_sub(name, 0, (size_t)at),
		    span_sub(name, (size_t)at + 1, name.len), &id);
	else if ((a = find_flat(s, name, &id)) == STORE_NONE)
		a = find_short(s, name, &id);
	if (a == STORE_FOUND)
		a = store_box(s, id, out);
	if (a == STORE_FOUND)
		a = server_of(s, out, &server);
	if (a == STORE_FOUND && service == SERVICE_IMAP &&
	    server.type == SERVER_POP)
		return STORE_NONE;
	return a;
}
