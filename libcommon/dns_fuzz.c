/*
 * An answer, its first byte the kind of address that was asked for.
 */
#include "config.h"
#include "libcommon/dns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int family = n > 0 && data[0] == '6' ? AF_INET6 : AF_INET;
	struct dns_addresses found;
	enum dns_result result;
	const char *why = NULL;

	if (n == 0 || n > 65536)
		return 0;
	result = dns_read(span_from(data + 1, n - 1), family, &found, &why);
	if (why == NULL || result >= DNS__COUNT ||
	    (result == DNS_FOUND) != (found.n > 0) ||
	    found.n > DNS_ADDRESSES_MAX)
		abort();
	for (unsigned i = 0; i < found.n; i++)
		if (found.at[i].addr.sa.sa_family != family)
			abort();
	if (found.n > 0 && found.ttl_s > DNS_KEEP_S)
		abort();
	return 0;
}
