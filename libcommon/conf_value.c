#include "config.h"
#include "libcommon/conf_value.h"
#include "libcommon/ldapsrc.h"
#include "libcommon/netlist.h"
#include "libcommon/resolv.h"
#include "libcommon/tlsdom.h"

#include <arpa/inet.h>
#include <stdio.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = { { "", 1 }, { "K", 1ull << 10 },
	{ "M", 1ull << 20 }, { "G", 1ull << 30 }, { NULL, 0 } };
static const struct unit time_units[] = { { "", 1000 }, { "ms", 1 },
	{ "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	{ NULL, 0 } };
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static int
number(const char *value, const struct unit *units, uint64_t *out)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t v;

	if (span_u64(span_from(value, digits), UINT64_MAX, &v) == -1)
		return -1;
	for (; units->name != NULL; units++) {
		if (strcasecmp(value + digits, units->name) != 0)
			continue;
		return __builtin_mul_overflow(v, units->factor, out) ? -1 : 0;
	}
	return -1;
}

/* A number as the configuration would write it: for "must be ... to ...". */
static const char *
number_text(enum conf_type type, uint64_t v, char *text, size_t size)
{
	const struct unit *u = type == CONF_SIZE ? size_units
	    : type == CONF_TIME                  ? time_units + 1
	                                         : no_units;
	const struct unit *best = u;

	for (; u->name != NULL; u++)
		if (v % u->factor == 0 && v >= u->factor &&
		    u->factor >= best->factor)
			best = u;
	snprintf(text, size, "%llu%s", (unsigned long long)(v / best->factor),
	    best->name);
	return text;
}

static bool
word_listed(const char *words, const char *value)
{
	size_t n = strlen(value);

	while (words != NULL) {
		if (n > 0 && strncmp(words, value, n) == 0 &&
		    (words[n] == '|' || words[n] == '\0'))
			return true;
		words = strchr(words, '|');
		if (words != NULL)
			words++;
	}
	return false;
}

static bool
listen_valid(const char *value)
{
	unsigned char bytes[16];
	char host[64];
	const char *colon = strrchr(value, ':');
	uint64_t port;
	size_t n;

	if (colon == NULL || span_u64(span_of(colon + 1), 65535, &port) == -1)
		return false;
	n = (size_t)(colon - value);
	if (n >= 2 && value[0] == '[' && value[n - 1] == ']') {
		if (span_copy(span_from(value + 1, n - 2), host,
		        sizeof(host)) == -1)
			return false;
		return inet_pton(AF_INET6, host, bytes) == 1;
	}
	if (span_copy(span_from(value, n), host, sizeof(host)) == -1)
		return false;
	return inet_pton(AF_INET, host, bytes) == 1;
}

static int
check_number(const struct conf_setting *s, const char *value, uint64_t *out,
    char why[static CONF_WHY_MAX])
{
	const struct unit *units = s->type == CONF_SIZE ? size_units
	    : s->type == CONF_TIME                      ? time_units
	                                                : no_units;
	char lo[32], hi[32];

	if (number(value, units, out) == -1) {
		snprintf(why, CONF_WHY_MAX, "\"%s\" is not a %s; write %s",
		    value,
		    s->type == CONF_SIZE       ? "size"
		        : s->type == CONF_TIME ? "time"
		                               : "number",
		    s->type == CONF_SIZE ? "bytes, or a number with K, M or G"
		        : s->type == CONF_TIME
		        ? "seconds, or a number with ms, s, m, h or d"
		        : "plain digits");
		return -1;
	}
	if (*out < s->min || *out > s->max) {
		snprintf(why, CONF_WHY_MAX,
		    "%s is out of range; allowed is %s to %s", value,
		    number_text(s->type, s->min, lo, sizeof(lo)),
		    number_text(s->type, s->max, hi, sizeof(hi)));
		return -1;
	}
	return 0;
}

static int
check_networks(const char *value, char why[static CONF_WHY_MAX])
{
	struct netlist list;
	char text[201];

	if (netlist_parse(span_of(value), &list, text) == -1) {
		snprintf(why, CONF_WHY_MAX, "%s", text);
		return -1;
	}
	if ((netlist_has(&list, "0.0.0.0") &&
	        netlist_has(&list, "255.255.255.255")) ||
	    (netlist_has(&list, "::") &&
	        netlist_has(&list,
	            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))) {
		snprintf(why, CONF_WHY_MAX,
		    "%s is everybody, an open relay; "
		    "name the networks of those who are trusted",
		    value);
		return -1;
	}
	return 0;
}

static int
check_ldap(const struct conf_setting *s, const char *value,
    char why[static CONF_WHY_MAX])
{
	struct ldapsrc src;
	char text[201];

	if (ldapsrc_parse(value, s->words != NULL, &src, text) == 0)
		return 0;
	snprintf(why, CONF_WHY_MAX, "%s", text);
	return -1;
}

static int
check_tls(const char *value, char why[static CONF_WHY_MAX])
{
	struct tlsdom d;
	char text[201];

	if (tlsdom_parse(value, &d, text) == 0)
		return 0;
	snprintf(why, CONF_WHY_MAX, "%s", text);
	return -1;
}

static int
check_resolver(const char *value, char why[static CONF_WHY_MAX])
{
	struct endpoint servers[RESOLV_SERVERS_MAX];

	if (value[0] == '\0' || resolv_servers(span_of(value), servers) != -1)
		return 0;
	snprintf(why, CONF_WHY_MAX,
	    "\"%s\" is not one to %d numeric "
	    "addresses; write 127.0.0.1 or 192.0.2.1 [2001:db8::1]:5353",
	    value, RESOLV_SERVERS_MAX);
	return -1;
}

bool
conf_value_repeats(enum conf_type type)
{
	return type == CONF_LISTEN || type == CONF_LDAP || type == CONF_TLS;
}

int
conf_value_check(const struct conf_setting *s, const char *value,
    uint64_t *num_out, char why[static CONF_WHY_MAX])
{
	switch (s->type) {
	case CONF_NUM:
	case CONF_SIZE:
	case CONF_TIME:
		return check_number(s, value, num_out, why);
	case CONF_FLAG:
		if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
			return 0;
		snprintf(why, CONF_WHY_MAX, "\"%s\" must be yes or no", value);
		return -1;
	case CONF_WORD:
		if (word_listed(s->words, value))
			return 0;
		snprintf(why, CONF_WHY_MAX, "\"%s\" must be one of %s", value,
		    s->words);
		return -1;
	case CONF_LISTEN:
		if (listen_valid(value))
			return 0;
		snprintf(why, CONF_WHY_MAX,
		    "\"%s\" is not ADDRESS:PORT; write "
		    "192.0.2.1:25, 0.0.0.0:25 or [::]:25",
		    value);
		return -1;
	case CONF_NETWORKS:
		return check_networks(value, why);
	case CONF_LDAP:
		return check_ldap(s, value, why);
	case CONF_TLS:
		return check_tls(value, why);
	case CONF_RESOLVER:
		return check_resolver(value, why);
	case CONF_STR:
	case CONF_PATH:
	case CONF_FILE:
		break;
	}
	return 0;
}
