/*
 * asker - puts smtpd's questions to authd and a panel's requests to admind, and
 * says how long the answers took.  Never installed: see bench/directory.
 *
 *	asker lookup AUTHD-SOCKET USER SECONDS WINDOW MAILBOXES DOMAINS
 *	asker newbal AUTHD-SOCKET USER CTL-DIR COUNT PREFIX DOMAIN VERIFIER
 *	asker hash COUNT
 *
 * lookup: recipients user1@... to userMAILBOXES@..., at random, WINDOW of them
 * unanswered on one connection.  newbal: makes COUNT mailboxes one after the
 * other, and after each answer asks authd until it knows the address; with a
 * VERIFIER that is not "" by IMPORTBAL, for which nobody computes Argon2id.
 * Both connect to authd as USER.  Times are in milliseconds.
 */
#include "config.h"
#include "client/admin.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/log.h"
#include "libcommon/msg_auth.h"
#include "libcommon/secret.h"

#include <event2/event.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct ipc *authd;
static double *times;
static size_t ntimes, times_cap;

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t
number(const char *text)
{
	uint64_t n;

	if (span_u64(span_of(text), UINT32_MAX, &n) == -1)
		fatal("%s", text);
	return n;
}

static void
took(double ms)
{
	if (ntimes == times_cap) {
		times_cap = times_cap == 0 ? 4096 : times_cap * 2;
		times = reallocarray(times, times_cap, sizeof(*times));
		if (times == NULL)
			fatal("memory");
	}
	times[ntimes++] = ms;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
tell_times(const char *what)
{
	if (ntimes == 0)
		fatalx("no answers");
	qsort(times, ntimes, sizeof(*times), by_size);
	printf("%s n=%zu median=%.3f p99=%.3f max=%.3f\n", what, ntimes,
	    times[ntimes / 2], times[ntimes * 99 / 100], times[ntimes - 1]);
	ntimes = 0;
}

static void
become(const char *user)
{
	struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		fatalx("no user %s", user);
	if (geteuid() == 0 &&
	    (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1))
		fatal("becoming %s", user);
}

static int
on_msg(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)arg;
	return ipc_refuse(ipc, m, "authd asks nothing");
}

static void (*when_up)(void);

static void
on_up(struct ipc *ipc, void *arg)
{
	(void)arg;
	authd = ipc;
	if (when_up != NULL)
		when_up();
}

static void
connect_authd(const char *path)
{
	static const struct ipc_ops ops = { .msg = on_msg, .up = on_up };

	if ((base = event_base_new()) == NULL)
		fatalx("memory");
	authd = ipc_connect(base, path, ROLE_SMTPD, ROLE_AUTHD, &ops, NULL);
}

static void
ask(const char *address, ipc_reply_fn answer, void *arg)
{
	static struct buf b;

	buf_init(&b, 1024);
	wire_put_str(&b, address);
	if (ipc_request(authd, MSG_AUTH_RCPT, &b, -1, IPC_DEADLINE_MS, answer,
	        arg) == -1)
		fatal("asking");
	buf_clear(&b);
}

static int
verdict_of(struct ipc_msg *m)
{
	struct wire w;

	if (m == NULL || m->type != MSG_AUTH_RCPT_IS)
		return -1;
	wire_init(&w, m->payload);
	return wire_u8(&w);
}

/* ---- lookups ------------------------------------------------------------------ */

static uint64_t nmailboxes, ndomains, asked, answered, wrong;
static double end_ms, begin_ms;
static unsigned window, nopen;

static void ask_some(void);

static int
on_lookup(struct ipc_msg *m, void *arg)
{
	double *started = arg;

	wrong += verdict_of(m) != RCPT_OK;
	answered++;
	nopen--;
	if (answered % 64 == 0)
		took(now_ms() - *started);
	free(started);
	ask_some();
	return 0;
}

static void
ask_some(void)
{
	char address[100];
	double now = now_ms(), *started;
	uint64_t i;

	if (begin_ms == 0.0)
		begin_ms = now;
	while (nopen < window && now < end_ms) {
		/* As bench/directory spreads them. */
		i = 1 + (uint64_t)random() % nmailboxes;
		snprintf(address, sizeof(address), "user%llu@d%llu.test",
		    (unsigned long long)i,
		    (unsigned long long)(1 + i * 7919 % ndomains));
		if ((started = malloc(sizeof(*started))) == NULL)
			fatal("memory");
		*started = now;
		ask(address, on_lookup, started);
		asked++;
		nopen++;
	}
	if (nopen == 0)
		event_base_loopbreak(base);
}

static void
do_lookup(char *argv[])
{
	become(argv[1]);
	end_ms = now_ms() + (double)number(argv[2]) * 1000;
	window = (unsigned)number(argv[3]);
	nmailboxes = number(argv[4]);
	ndomains = number(argv[5]);
	when_up = ask_some;
	connect_authd(argv[0]);
	event_base_dispatch(base);
	printf("lookups n=%llu wrong=%llu per-second=%.0f\n",
	    (unsigned long long)answered, (unsigned long long)wrong,
	    (double)answered / (now_ms() - begin_ms) * 1000);
	tell_times("lookup");
}

/* ---- new mailboxes -------------------------------------------------------------- */

static struct semail_admin *
dial(const char *ctl)
{
	struct semail_admin *a;
	char path[200];
	struct buf key;

	buf_init(&key, 1024);
	snprintf(path, sizeof(path), "%s/admin.key", ctl);
	if (io_slurp_path(path, 1000, &key) == -1)
		fatal("%s", path);
	buf_putc(&key, '\0');
	snprintf(path, sizeof(path), "%s/admind", ctl);
	a = semail_admin_new((const char *)key.data, path);
	if (a == NULL)
		fatal("%s", path);
	buf_clear(&key);
	return a;
}

static void
request(struct semail_admin *a)
{
	if (semail_admin_call(a) != 0)
		fatalx("admind: %s", semail_admin_comment(a));
}

static int known;

static int
on_known(struct ipc_msg *m, void *arg)
{
	(void)arg;
	known = verdict_of(m) == RCPT_OK;
	event_base_loopbreak(base);
	return 0;
}

static void
is_up(void)
{
	event_base_loopbreak(base);
}

static void
begin_newbal(struct semail_admin *a, const char *name, const char *domain,
    const char *verifier)
{
	char hash[SECRET_HASH_MAX + 8];
	bool import = verifier[0] != '\0';

	semail_admin_begin(a, import ? "IMPORTBAL" : "NEWBAL", NULL, NULL,
	    domain);
	semail_admin_add(a, name);
	if (import) {
		snprintf(hash, sizeof(hash), "hash=%s", verifier);
		semail_admin_add(a, hash);
		return;
	}
	semail_admin_add(a, "a password");
}

static void
do_newbal(char *argv[])
{
	size_t count = number(argv[3]);
	double *made, started, answer;
	struct semail_admin *admin = dial(argv[2]);
	char text[400];

	if ((made = calloc(count, sizeof(*made))) == NULL)
		fatal("memory");
	/* Connects, while we may. */
	semail_admin_begin(admin, "NEWDOM", NULL, NULL, argv[5]);
	semail_admin_add(admin, argv[5]);
	request(admin);
	become(argv[1]);
	when_up = is_up;
	connect_authd(argv[0]);
	event_base_dispatch(base);
	when_up = NULL;
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%zu", argv[4], i);
		begin_newbal(admin, text, argv[5], argv[6]);
		started = now_ms();
		request(admin);
		answer = now_ms();
		made[i] = answer - started;
		snprintf(text, sizeof(text), "%s%zu@%s", argv[4], i, argv[5]);
		for (known = 0; !known;) {
			ask(text, on_known, NULL);
			event_base_dispatch(base);
		}
		took(now_ms() - answer);
	}
	tell_times("visible");
	for (size_t i = 0; i < count; i++)
		took(made[i]);
	tell_times("newbal");
	semail_admin_free(admin);
}

static void
do_hash(char *argv[])
{
	char out[SECRET_HASH_MAX];
	double started;

	secret_init();
	for (uint64_t i = number(argv[0]); i > 0; i--) {
		started = now_ms();
		if (secret_hash(span_of("a password"), out) == -1)
			fatal("hash");
		took(now_ms() - started);
	}
	tell_times("hash");
}

int
main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int nargs;
		void (*run)(char *argv[]);
	} commands[] = {
		{ "lookup", 6, do_lookup },
		{ "newbal", 7, do_newbal },
		{ "hash", 1, do_hash },
	};

	log_init("asker");
	for (size_t i = 0; i < nitems(commands); i++) {
		if (argc != commands[i].nargs + 2 ||
		    strcmp(argv[1], commands[i].name) != 0)
			continue;
		commands[i].run(argv + 2);
		return 0;
	}
	fprintf(stderr, "asker: see its first comment\n");
	return 64;
}
