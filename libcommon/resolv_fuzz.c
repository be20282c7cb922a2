/*
 * The same bytes as a setting, as a resolv.conf and as a hosts file; a DHCP
 * client may have written those.
 */
#include "config.h"
#include "libcommon/resolv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct endpoint servers[RESOLV_SERVERS_MAX], at[2];
	struct buf list;

	resolv_servers(span_from(data, n), servers);
	buf_init(&list, 4096);
	resolv_conf(span_from(data, n), &list);
	if (buf_error(&list) != 0 ||
	    resolv_servers(buf_span(&list), servers) == -1)
		abort(); /* who reads it could not start */
	buf_clear(&list);
	if (resolv_hosts(span_from(data, n), span_of("ldap.test"), at, 2) > 2)
		abort();
	return 0;
}
