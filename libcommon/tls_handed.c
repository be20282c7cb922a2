#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/tls.h"
#include "libcommon/tlsdom.h"
#include "libcommon/wire.h"

#include <stdio.h>

static int
add(struct tls_ctx **ctx, const char *names, struct span certificate,
    struct span key, char why[static 201])
{
	char text[201];

	if ((*ctx != NULL ||
	        (*ctx = tls_ctx_new(certificate, key, text)) != NULL) &&
	    tls_ctx_add(*ctx, names, certificate, key, text) == 0)
		return 0;
	snprintf(why, 201, "%.80s: %.110s", names, text);
	return -1;
}

int
tls_ctx_handed(const struct handover *ho, struct tls_ctx **out,
    char why[static 201])
{
	char names[TLSDOM_NAMES_MAX + 1];
	struct span certificate = ho_blob(ho, "tls-certificate"), key;
	struct wire w;

	*out = NULL;
	if (certificate.len > 0 &&
	    (*out = tls_ctx_new(certificate, ho_blob(ho, "tls-key"), why)) ==
	        NULL)
		return -1;
	wire_init(&w, ho_blob(ho, "tls-domain"));
	while (w.left > 0) {
		wire_cstr(&w, names, sizeof(names));
		certificate = wire_bytes(&w, HO_MAX);
		key = wire_bytes(&w, HO_MAX);
		if (w.bad)
			snprintf(why, 201, "bad list of certificates");
		if (w.bad || add(out, names, certificate, key, why) == -1) {
			tls_ctx_free(out);
			return -1;
		}
	}
	return 0;
}
