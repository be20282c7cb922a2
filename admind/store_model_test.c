/*
 * Random changes against a model of arrays and loops: after each feed, in
 * whatever order its rows came, every key finds what the model finds, there is
 * no key too many, and addresses lead where a plain recursion over the arrays
 * says.
 *
 *	store_model_test [SEED [ROUNDS]]
 */
#include "config.h"
#include "admind/authd.h"
#include "admind/store_int.h"
#include "admind/test_feed.h"
#include "tap.h"

#include "libcommon/log.h"

#include <stdio.h>
#include <stdlib.h>

struct authd authd;

void
authd_check_store(void)
{
}

#define ROWS 24
#define NAMES 12
#define OUTSIDE "x@else.test"

static const char *const names[NAMES] = { "a", "b", "a+b", "postmaster",
	"abuse", "c", "d", "e", "f", "g", "h", "i" };
static const char *const domains[] = { "one.test", "two.test", "three.test",
	"mail.test" };
static const char *const lists[] = { "a", "b, c", "a@one.test, d",
	"e,f,g@two.test", "x@else.test", "h, x@else.test", "postmaster",
	"abuse@three.test", "c+x@two.test, a+b" };

/* Names by their index; there: 0 is no row. */
static struct {
	bool there, local;
	unsigned name, server;
} dom[4 + 1];
static struct {
	bool there;
	unsigned domain, login, shrt; /* shrt: NAMES is none */
	uint8_t state;
} box[ROWS + 1];
static struct {
	bool there;
	unsigned server, domain, name, list;
} ali[ROWS + 1];
static struct {
	bool there;
	unsigned domain, user, real, real_domain, alias, mailbox;
} vir[ROWS + 1];
static struct {
	bool there;
	unsigned mailbox;
} cred[ROWS + 1];

static unsigned
pick(unsigned n)
{
	return (unsigned)random() % n;
}

/* ---- changes: what the database would let happen ----------------------------- */

static bool
domain_change(unsigned i)
{
	unsigned name = pick(nitems(domains));

	for (unsigned j = 1; j < nitems(dom); j++)
		if (j != i && dom[j].there && dom[j].name == name)
			return false;
	dom[i].there = true;
	dom[i].name = name;
	dom[i].server = pick(4) == 0 ? 2 : 1;
	dom[i].local = dom[i].server == 1;
	return true;
}

static bool
mailbox_change(unsigned i)
{
	unsigned domain = 1 + pick(4), login = pick(NAMES);

	box[i].there = false;
	if (pick(4) == 0)
		return true;
	for (unsigned j = 1; j <= ROWS; j++)
		if (box[j].there && box[j].domain == domain &&
		    box[j].login == login)
			return true;
	box[i].there = dom[domain].there;
	box[i].domain = domain;
	box[i].login = login;
	box[i].shrt = pick(2) ? pick(3) : NAMES;
	box[i].state = BOX_ACTIVE;
	return true;
}

static bool
alias_change(unsigned i)
{
	unsigned server = 1 + (pick(5) == 0), name = pick(NAMES);

	ali[i].there = false;
	if (pick(4) == 0)
		return true;
	for (unsigned j = 1; j <= ROWS; j++)
		if (ali[j].there && ali[j].server == server &&
		    ali[j].name == name)
			return true;
	ali[i].there = true;
	ali[i].server = server;
	ali[i].domain = pick(5);
	ali[i].name = name;
	ali[i].list = pick(nitems(lists));
	return true;
}

static bool
virtual_change(unsigned i)
{
	unsigned domain = 1 + pick(4), user = pick(NAMES + 1);

	vir[i].there = false;
	if (pick(4) == 0)
		return true;
	for (unsigned j = 1; j <= ROWS; j++)
		if (vir[j].there && vir[j].domain == domain &&
		    vir[j].user == user)
			return true;
	vir[i].there = dom[domain].there;
	vir[i].domain = domain;
	vir[i].user = user;
	vir[i].real = pick(NAMES);
	vir[i].real_domain = vir[i].alias = vir[i].mailbox = 0;
	switch (pick(4)) {
	case 0:
		vir[i].alias = 1 + pick(ROWS);
		break;
	case 1:
		vir[i].mailbox = 1 + pick(ROWS);
		break;
	case 2:
		vir[i].real_domain = 1 + pick(nitems(domains));
		break;
	}
	return true;
}

static bool
credential_change(unsigned i)
{
	cred[i].there = pick(3) > 0;
	cred[i].mailbox = 1 + pick(4);
	return true;
}

static const struct {
	uint8_t table;
	unsigned rows;
	bool (*change)(unsigned);
} kinds[] = {
	{ FEED_DOMAIN, 4, domain_change },
	{ FEED_MAILBOX, ROWS, mailbox_change },
	{ FEED_ALIAS, ROWS, alias_change },
	{ FEED_VIRTUAL, ROWS, virtual_change },
	{ FEED_CREDENTIAL, ROWS, credential_change },
};

static int
feed_row(struct store *s, uint8_t table, unsigned i)
{
	switch (table) {
	case FEED_DOMAIN:
		return domain_of(s, i, dom[i].there ? domains[dom[i].name] : "",
		    dom[i].server);
	case FEED_MAILBOX:
		return mailbox_short(s, i, box[i].domain,
		    box[i].there ? names[box[i].login] : "", box[i].state,
		    box[i].shrt < NAMES ? names[box[i].shrt] : "");
	case FEED_ALIAS:
		return alias_of_server(s, i, ali[i].server, ali[i].domain,
		    ali[i].there ? names[ali[i].name] : "", lists[ali[i].list]);
	case FEED_VIRTUAL:
		return virtual_user(s, i, vir[i].domain,
		    vir[i].user < NAMES ? names[vir[i].user] : "",
		    vir[i].there ? names[vir[i].real] : "",
		    vir[i].real_domain > 0 ? domains[vir[i].real_domain - 1]
		                           : "",
		    vir[i].alias, vir[i].mailbox);
	default:
		return credential(s, i, cred[i].mailbox,
		    cred[i].there ? "$argon2id$x" : "", 0);
	}
}

/* ---- the keys ---------------------------------------------------------------------- */

static bool
any(void *arg, uint32_t mailbox)
{
	(void)arg;
	(void)mailbox;
	return true;
}

/* Complaints about what is found, and how many keys there should be. */
static unsigned
check_names(struct store *s, size_t *nkeys)
{
	uint32_t want, got;
	unsigned bad = 0;
	bool local;

	for (unsigned n = 0; n < nitems(domains); n++) {
		want = got = 0;
		for (unsigned i = 1; i < nitems(dom); i++)
			if (dom[i].there && dom[i].name == n)
				want = i;
		if (store_domain(s, span_of(domains[n]), &got, &local) ==
		        STORE_FOUND &&
		    local != dom[got].local)
			bad++;
		bad += got != want;
		*nkeys += want > 0;
	}
	for (unsigned n = 0; n < NAMES; n++) {
		unsigned several = 0;

		for (uint32_t d = 1; d < nitems(dom); d++) {
			want = got = 0;
			for (unsigned i = 1; i <= ROWS; i++)
				if (box[i].there && box[i].domain == d &&
				    box[i].login == n)
					want = i;
			store_find(s, d, span_of(names[n]), &got);
			bad += got != want;
			*nkeys += want == 0                       ? 0
			    : strcmp(names[n], "postmaster") == 0 ? 2
			                                          : 1;
		}
		for (unsigned i = 1; i <= ROWS; i++)
			if (box[i].there && box[i].shrt == n) {
				want = i;
				several++;
			}
		*nkeys += several;
		if (store_find_short(s, span_of(names[n]), any, NULL, &got) ==
		    STORE_FOUND)
			bad += several != 1 || got != want;
		else
			bad += several == 1;
	}
	return bad;
}

static uint32_t
model_alias(unsigned server, unsigned name)
{
	for (unsigned i = 1; i <= ROWS; i++)
		if (ali[i].there && ali[i].server == server &&
		    ali[i].name == name)
			return i;
	return 0;
}

static uint32_t
model_virtual(unsigned domain, unsigned user)
{
	for (unsigned i = 1; i <= ROWS; i++)
		if (vir[i].there && vir[i].domain == domain &&
		    vir[i].user == user)
			return i;
	return 0;
}

static unsigned
check_leads(struct store *s, size_t *nkeys)
{
	struct feed_virtual v;
	unsigned bad = 0;
	uint32_t got, want;

	for (unsigned n = 0; n < NAMES; n++) {
		got = 0;
		store_find_alias(s, span_of(names[n]), &got);
		bad += got != model_alias(1, n);
		*nkeys += (got != 0) + (model_alias(2, n) != 0);
	}
	for (uint32_t d = 1; d < nitems(dom); d++) {
		for (unsigned n = 0; n <= NAMES; n++) {
			want = model_virtual(d, n);
			if (store_virtual(s, d,
			        span_of(n < NAMES ? names[n] : ""),
			        &v) == STORE_FOUND)
				bad += want == 0 ||
				    v.alias != vir[want].alias ||
				    !span_is(v.real_user,
				        names[vir[want].real]);
			else
				bad += want != 0;
			*nkeys += want != 0;
		}
	}
	return bad;
}

static unsigned
check_credentials(struct store *s, size_t *nkeys)
{
	struct store_credential out[STORE_CREDENTIALS_MAX];
	unsigned bad = 0, n, want;

	for (uint32_t m = 1; m <= 4; m++) {
		want = 0;
		for (unsigned i = 1; i <= ROWS; i++)
			want += cred[i].there && cred[i].mailbox == m;
		*nkeys += want;
		if (want > STORE_CREDENTIALS_MAX)
			want = STORE_CREDENTIALS_MAX;
		bad += store_credentials(s, m, SERVICE_POP3, out, &n) !=
		        STORE_FOUND ||
		    n != want;
	}
	return bad;
}

static size_t
entries(struct store *s, MDB_dbi dbi)
{
	MDB_txn *txn;
	MDB_stat st = { 0 };

	if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) == 0) {
		mdb_stat(txn, dbi, &st);
		mdb_txn_abort(txn);
	}
	return st.ms_entries;
}

/* ---- where addresses lead -------------------------------------------------------------- */

static bool mailbox_hit[ROWS + 1], outside_hit, alias_seen[ROWS + 1];

static int
name_index(const char *name, size_t n)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return (int)i;
	return -1;
}

static void walk_address(const char *, size_t, unsigned depth);

static void
walk_mailbox(uint32_t i)
{
	if (!box[i].there)
		return;
	if (dom[box[i].domain].local)
		mailbox_hit[i] = true;
	else
		outside_hit = true;
}

static uint32_t
model_box(unsigned domain, int name)
{
	for (unsigned i = 1; name >= 0 && i <= ROWS; i++)
		if (box[i].there && box[i].domain == domain &&
		    box[i].login == (unsigned)name)
			return i;
	return 0;
}

static uint32_t
host_domain(void)
{
	for (uint32_t i = 1; i < nitems(dom); i++)
		if (dom[i].there &&
		    strcmp(domains[dom[i].name], "mail.test") == 0)
			return i;
	return 0;
}

static void walk_alias(uint32_t, unsigned depth);

static void
walk_bare(unsigned domain, const char *name, size_t n, uint32_t except,
    unsigned depth)
{
	size_t plain = strcspn(name, "+") < n ? strcspn(name, "+") : n;
	size_t forms[2] = { n, plain };
	uint32_t id = 0;

	for (unsigned i = 0; i < 2 && id == 0; i++)
		if (name_index(name, forms[i]) >= 0)
			id = model_alias(1,
			    (unsigned)name_index(name, forms[i]));
	if (id != 0 && id != except) {
		walk_alias(id, depth);
		return;
	}
	if (domain == 0)
		domain = host_domain();
	for (unsigned i = 0; i < 2; i++)
		if ((id = model_box(domain, name_index(name, forms[i]))) != 0) {
			walk_mailbox(id);
			return;
		}
}

static void
walk_alias(uint32_t id, unsigned depth)
{
	const char *p = lists[ali[id].list];
	size_t n;

	if (!ali[id].there || alias_seen[id])
		return;
	alias_seen[id] = true;
	for (; *p != '\0'; p += n) {
		p += strspn(p, ", ");
		n = strcspn(p, ", ");
		if (memchr(p, '@', n) != NULL)
			walk_address(p, n, 0);
		else
			walk_bare(ali[id].domain, p, n, id, depth);
	}
}

static void
walk_virtual(uint32_t i, unsigned depth)
{
	char text[100];

	if (vir[i].alias != 0) {
		walk_alias(vir[i].alias, depth);
	} else if (vir[i].mailbox != 0) {
		walk_mailbox(vir[i].mailbox);
	} else if (vir[i].real_domain == 0) {
		walk_bare(vir[i].domain, names[vir[i].real],
		    strlen(names[vir[i].real]), 0, depth);
	} else {
		snprintf(text, sizeof(text), "%s@%s", names[vir[i].real],
		    domains[vir[i].real_domain - 1]);
		walk_address(text, strlen(text), depth + 1);
	}
}

/* True: somebody was meant. */
static bool
walk_domain(uint32_t d, const char *local, size_t n, unsigned depth)
{
	size_t plain = strcspn(local, "+") < n ? strcspn(local, "+") : n;
	int forms[2] = { name_index(local, n), name_index(local, plain) };
	uint32_t id;

	for (unsigned i = 0; i < 2; i++)
		if ((id = model_box(d, forms[i])) != 0) {
			walk_mailbox(id);
			return true;
		}
	for (unsigned i = 0; i < 2; i++)
		if (forms[i] >= 0 &&
		    (id = model_virtual(d, (unsigned)forms[i])) != 0) {
			walk_virtual(id, depth);
			return true;
		}
	for (unsigned i = 0; i < 2; i++)
		if (forms[i] >= 0 &&
		    (id = model_alias(1, (unsigned)forms[i])) != 0 &&
		    ali[id].domain == d) {
			walk_alias(id, depth);
			return true;
		}
	for (unsigned i = 0; i < 2; i++)
		if (forms[i] >= 0 &&
		    (strcmp(names[forms[i]], "postmaster") == 0 ||
		        strcmp(names[forms[i]], "abuse") == 0) &&
		    (id = model_alias(1, (unsigned)forms[i])) != 0 &&
		    ali[id].domain == 0) {
			walk_alias(id, depth);
			return true;
		}
	if ((id = model_virtual(d, NAMES)) == 0)
		return false;
	walk_virtual(id, depth);
	return true;
}

static void
walk_server(const char *local, size_t n, unsigned depth)
{
	size_t plain = strcspn(local, "+") < n ? strcspn(local, "+") : n;
	int forms[2] = { name_index(local, n), name_index(local, plain) };
	uint32_t id;

	for (unsigned i = 0; i < 2; i++)
		if (forms[i] >= 0 &&
		    (id = model_alias(1, (unsigned)forms[i])) != 0 &&
		    ali[id].domain == 0) {
			walk_alias(id, depth);
			return;
		}
	for (uint32_t d = 1; d < nitems(dom) && forms[1] >= 0 &&
	     strcmp(names[forms[1]], "postmaster") == 0;
	     d++)
		if (dom[d].there && dom[d].local &&
		    (id = model_box(d, forms[1])) != 0) {
			walk_mailbox(id);
			return;
		}
}

static void
walk_address(const char *address, size_t n, unsigned depth)
{
	const char *at = memchr(address, '@', n);
	size_t nlocal = (size_t)(at - address);
	uint32_t d = 0;
	bool host;

	if (depth > VIRTUAL_STEPS_MAX)
		return;
	for (uint32_t i = 1; i < nitems(dom); i++)
		if (dom[i].there &&
		    strlen(domains[dom[i].name]) == n - nlocal - 1 &&
		    memcmp(domains[dom[i].name], at + 1, n - nlocal - 1) == 0)
			d = i;
	host = n - nlocal - 1 == 9 && memcmp(at + 1, "mail.test", 9) == 0;
	if (d != 0 && dom[d].local && walk_domain(d, address, nlocal, depth))
		return;
	if (host)
		walk_server(address, nlocal, depth);
	else if (d == 0 || !dom[d].local)
		outside_hit = true;
}

static unsigned
check_address(struct store *s, const char *address)
{
	static struct resolution r;
	enum rcpt_verdict v;
	unsigned want = 0, got = 0;
	bool outside = false, ours;
	uint32_t id;

	memset(mailbox_hit, 0, sizeof(mailbox_hit));
	memset(alias_seen, 0, sizeof(alias_seen));
	outside_hit = false;
	walk_address(address, strlen(address), 0);
	v = resolve_rcpt(s, span_of(address), &r);
	for (unsigned i = 1; i <= ROWS; i++)
		want += mailbox_hit[i];
	for (unsigned i = 0; i < r.grant.n; i++) {
		if (r.grant.targets[i].kind == TARGET_REMOTE)
			outside = true;
		else if (mailbox_hit[r.grant.targets[i].mailbox])
			got++;
		else
			return 1;
	}
	if (got != want || outside != outside_hit) {
		printf("# got %u and %d, want %u and %d\n", got, outside, want,
		    outside_hit);
		return 1;
	}
	ours = store_domain(s, span_of(strchr(address, '@') + 1), &id, &ours) ==
	        STORE_FOUND &&
	    ours;
	if (v ==
	    (!ours                        ? RCPT_NOT_OURS
	            : want > 0 || outside ? RCPT_OK
	                                  : RCPT_NO_USER))
		return 0;
	printf("# verdict %d\n", (int)v);
	return 1;
}

static unsigned
check_addresses(struct store *s)
{
	static const char *const details[] = { "", "+b", "+x" };
	char address[100];
	unsigned bad = 0;

	for (unsigned d = 0; d < nitems(domains) - 1; d++)
		for (unsigned n = 0; n < NAMES; n++) {
			snprintf(address, sizeof(address), "%s%s@%s", names[n],
			    details[pick(3)], domains[d]);
			if (check_address(s, address) == 0)
				continue;
			printf("# %s\n", address);
			bad++;
		}
	return bad;
}

/* ---- feeds ------------------------------------------------------------------------------ */

static struct {
	uint8_t table;
	unsigned row;
} changed[200];
static unsigned nchanged;

static bool
is_changed(uint8_t table, unsigned row)
{
	for (unsigned i = 0; i < nchanged; i++)
		if (changed[i].table == table && changed[i].row == row)
			return true;
	return false;
}

static void
change_some(void)
{
	unsigned n = 1 + pick(30);

	while (n-- > 0 && nchanged < nitems(changed) - 1) {
		unsigned k = pick(nitems(kinds));
		unsigned row = 1 + pick(kinds[k].rows);

		if (!kinds[k].change(row) || is_changed(kinds[k].table, row))
			continue;
		changed[nchanged].table = kinds[k].table;
		changed[nchanged++].row = row;
	}
}

/* Rows as they are last, in the order of their first change, or in none. */
static int
feed_changes(struct store *s)
{
	for (unsigned i = nchanged, j; i > 1 && pick(2) == 0; i--) {
		j = pick(i);
		changed[nchanged] = changed[i - 1];
		changed[i - 1] = changed[j];
		changed[j] = changed[nchanged];
	}
	for (unsigned i = 0; i < nchanged; i++)
		if (feed_row(s, changed[i].table, changed[i].row) == -1)
			return -1;
	return 0;
}

static int
feed_all(struct store *s, uint64_t directory)
{
	if (store_begin(s, directory) == -1)
		return -1;
	server(s, 1, "here", 1, SERVER_IMAP, LOGINS_WITH_DOMAIN);
	server(s, 2, "there", 0, SERVER_IMAP, LOGINS_WITH_DOMAIN);
	for (unsigned k = 0; k < nitems(kinds); k++)
		for (unsigned i = 1; i <= kinds[k].rows; i++) {
			bool there = kinds[k].table == FEED_DOMAIN
			    ? dom[i].there
			    : kinds[k].table == FEED_MAILBOX ? box[i].there
			    : kinds[k].table == FEED_ALIAS   ? ali[i].there
			    : kinds[k].table == FEED_VIRTUAL ? vir[i].there
			                                     : cred[i].there;

			if (there && feed_row(s, kinds[k].table, i) == -1)
				return -1;
		}
	return 0;
}

static unsigned
check(struct store *s)
{
	size_t nkeys = 1, got; /* the server's */
	unsigned names_bad = check_names(s, &nkeys);
	unsigned leads_bad = check_leads(s, &nkeys);
	unsigned bad = check_credentials(s, &nkeys);

	if (names_bad + leads_bad + bad > 0)
		printf("# wrong: %u names, %u aliases and virtual users, "
		       "%u credentials\n",
		    names_bad, leads_bad, bad);
	bad += names_bad + leads_bad;
	got = entries(s, s->table[s->active].key);
	if (got != nkeys) {
		printf("# %zu keys, want %zu\n", got, nkeys);
		bad++;
	}
	if (entries(s, s->table[1 - s->active].row) != 0) {
		printf("# rows left in the other table\n");
		bad++;
	}
	return bad + check_addresses(s);
}

int
main(int argc, char *argv[])
{
	unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 7;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 600;
	uint64_t directory = 1, journal = 1;
	unsigned bad = 0, full = 0;
	struct store *s;
	uint32_t gone;
	int rc;

	log_init("store_model_test");
	resolve_init("mail.test");
	srandom(seed);
	if (!test_begin() || (s = store_open(test_dirfd)) == NULL)
		return 1;
	authd.store = s;
	ok(feed_all(s, directory) == 0 && store_commit(s, 0, journal) == 0,
	    "an empty directory");
	for (unsigned i = 0; i < rounds && bad == 0; i++) {
		change_some();
		switch (pick(12)) {
		case 0: /* fails in the middle: nothing of it */
			feed_changes(s);
			store_rollback(s);
			break;
		case 1:
			feed_changes(s);
			store_close(&s);
			authd.store = s = store_open(test_dirfd);
			break;
		case 2: /* so does a load */
			feed_all(s, directory);
			store_rollback(s);
			break;
		}
		if (pick(10) == 0) {
			directory += pick(3) == 0;
			rc = feed_all(s, directory);
			full++;
		} else {
			rc = feed_changes(s);
		}
		nchanged = 0;
		if (rc == -1 || store_commit(s, journal, journal + 1) == -1) {
			printf("# the feed failed\n");
			bad++;
			break;
		}
		journal++;
		while (store_next_revoked(s, &gone))
			;
		bad += check(s);
		if (bad > 0)
			printf("# seed %u, round %u\n", seed, i);
	}
	is_int(bad, 0, "%u feeds, %u of them full", rounds, full);
	store_close(&s);
	test_end();
	return done_testing();
}
