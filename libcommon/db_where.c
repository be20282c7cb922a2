#include "config.h"
#include "libcommon/db.h"

#include <arpa/inet.h>
#include <errno.h>

/* HOST:PORT; why no names: CAVEATS in semail-admind(8). */
static int
host_parse(struct span s, struct db_host *out)
{
	struct in6_addr addr;
	struct span host;
	uint64_t port;
	ptrdiff_t colon = -1;

	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] == ':')
			colon = (ptrdiff_t)i;
	if (colon < 0)
		return -1;
	host = span_sub(s, 0, (size_t)colon);
	if (host.len > 2 && host.data[0] == '[' &&
	    host.data[host.len - 1] == ']')
		host = span_sub(host, 1, host.len - 2);
	if (span_copy(host, out->name, sizeof(out->name)) == -1 ||
	    span_u64(span_sub(s, (size_t)colon + 1, s.len), 65535, &port) ==
	        -1 ||
	    port == 0 ||
	    (inet_pton(AF_INET, out->name, &addr) != 1 &&
	        inet_pton(AF_INET6, out->name, &addr) != 1))
		return -1;
	out->port = (uint16_t)port;
	return 0;
}

static bool
is_database_name(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		        (*s >= '0' && *s <= '9') || *s == '_'))
			return false;
	return true;
}

int
db_where_parse(const char *s, struct db_where *out)
{
	const char *at = strrchr(s, '@'), *slash;
	struct span hosts, one;
	ptrdiff_t comma;

	memset(out, 0, sizeof(*out));
	if (at == NULL || (slash = strchr(at, '/')) == NULL ||
	    span_copy(span_from(s, (size_t)(at - s)), out->user,
	        sizeof(out->user)) == -1 ||
	    out->user[0] == '\0' ||
	    span_copy(span_of(slash + 1), out->name, sizeof(out->name)) == -1 ||
	    !is_database_name(out->name))
		goto bad;
	hosts = span_from(at + 1, (size_t)(slash - at) - 1);
	do {
		comma = span_chr(hosts, ',');
		one = comma < 0 ? hosts : span_sub(hosts, 0, (size_t)comma);
		if (out->nhosts == DB_HOSTS_MAX ||
		    host_parse(one, &out->hosts[out->nhosts]) == -1)
			goto bad;
		out->nhosts++;
		if (comma >= 0)
			hosts = span_sub(hosts, (size_t)comma + 1, hosts.len);
	} while (comma >= 0);
	return 0;
bad:
	errno = EINVAL;
	return -1;
}

bool
db_where_is_loopback(const struct db_where *w)
{
	for (unsigned i = 0; i < w->nhosts; i++)
		if (strncmp(w->hosts[i].name, "127.", 4) != 0 &&
		    strcmp(w->hosts[i].name, "::1") != 0)
			return false;
	return true;
}

int
db_where_tls(struct db_where *w, const char *word, struct span ca,
    const char **why)
{
	static const char *const words[] = { [DB_TLS_NO] = "no",
		[DB_TLS_ENCRYPT] = "encrypt",
		[DB_TLS_VERIFY_CA] = "verify-ca",
		[DB_TLS_VERIFY] = "verify" };
	static const char pem[] = "-----BEGIN CERTIFICATE-----";

	w->tls = db_where_is_loopback(w) ? DB_TLS_NO : DB_TLS_VERIFY;
	for (unsigned i = 0; i < nitems(words); i++)
		if (strcmp(word, words[i]) == 0)
			w->tls = (enum db_tls)i;
	if (w->tls < DB_TLS_VERIFY_CA)
		return 0;
	if (ca.len == 0)
		*why = "the server's certificate cannot be checked: set "
		       "database-ca-file to the PEM file of the authority that "
		       "signed it (or database-tls to encrypt, which checks "
		       "nothing)";
	else if (memmem(ca.data, ca.len, pem, strlen(pem)) == NULL)
		*why = "database-ca-file holds no PEM certificate";
	else
		return 0;
	return -1;
}
