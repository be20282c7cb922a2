#include "config.h"
#include "admind/binder.h"

#include "libcommon/handover.h"
#include "libcommon/io.h"
#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <unistd.h>

void
binder_conf_read(struct span bytes, struct binder_conf *out)
{
	struct span ldap, search, resolver;
	struct wire w;
	int n;

	wire_init(&w, bytes);
	ldap = wire_bytes(&w, HO_MAX);
	search = wire_bytes(&w, HO_MAX);
	out->ca = wire_bytes(&w, HO_MAX);
	out->starttls_on_loopback = wire_u8(&w) != 0;
	out->timeout_ms = wire_u32(&w);
	wire_cstr(&w, out->search_dn, sizeof(out->search_dn));
	out->search_password = wire_bytes(&w, HO_MAX);
	resolver = wire_bytes(&w, HO_MAX);
	out->hosts = wire_bytes(&w, HO_MAX);
	if (wire_done(&w) == -1)
		fatalx("binder configuration");
	/* A password file ends with a line end as others do. */
	while (out->search_password.len > 0 &&
	    strchr("\r\n",
	        out->search_password.data[out->search_password.len - 1]) !=
	        NULL)
		out->search_password.len--;
	out->nsources = ldapsrc_all(ldap, search, out->sources);
	n = resolv_servers(resolver, out->resolvers);
	out->nresolvers = n == -1 ? 0 : (unsigned)n;
}

void
binder_conf_take(int fd, struct binder_conf *out)
{
	buf_init(&out->bytes, HO_MAX);
	if (io_slurp(fd, HO_MAX, &out->bytes) == -1)
		fatal("binder configuration");
	close(fd);
	binder_conf_read(buf_span(&out->bytes), out);
}

bool
binder_conf_asks_dns(const struct binder_conf *conf)
{
	struct endpoint at[1];

	for (unsigned i = 0; i < conf->nsources; i++) {
		const struct ldapsrc *src = &conf->sources[i];

		for (unsigned j = 0; j < src->nendpoints; j++)
			if (src->endpoints[j].name[0] != '\0' &&
			    resolv_hosts(conf->hosts,
			        span_of(src->endpoints[j].name), at, 1) == 0)
				return true;
	}
	return false;
}
