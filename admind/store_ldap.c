/* Who checks the passwords of a domain. */
#include "config.h"
#include "admind/store_int.h"

enum store_answer
store_ldap(struct store *s, uint32_t domain, char out[static FEED_LDAP_MAX + 1])
{
	struct feed_server server = { .ldap = { NULL, 0 } };
	struct feed_domain d = { .server = 0 };
	enum store_answer a = STORE_NONE;
	struct span row;

	out[0] = '\0';
	if (domain != 0)
		a = store_look_row(s, FEED_DOMAIN, domain, &row);
	if (a == STORE_FOUND) {
		if (feed_domain_get(row, &d) == -1)
			return store_bad_row(s);
		if (d.ldap.len > 0)
			return span_copy(d.ldap, out, FEED_LDAP_MAX + 1) == -1
			    ? store_bad_row(s)
			    : STORE_FOUND;
	} else if (a == STORE_NONE) {
		a = store_server_here(s, &d.server);
	}
	if (a == STORE_FOUND)
		a = store_server(s, d.server, &server);
	if (a == STORE_UNKNOWN)
		return a;
	/* A server nothing is known of has none. */
	return span_copy(server.ldap, out, FEED_LDAP_MAX + 1) == -1
	    ? store_bad_row(s)
	    : STORE_FOUND;
}
