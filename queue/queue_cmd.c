/*
 * semail-queue - look into the queue: semail queue list, semail queue show ID.
 *
 * Runs as the caller; asks queued on run-dir/ctl/queued, which only root may
 * connect to.
 */
#include "config.h"
#include "libcommon/conf.h"
#include "libcommon/io.h"
#include "libcommon/ipc.h"
#include "libcommon/msg_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CALL_MS 15000
#define PAGE 200

static char socket_path[4096];

static void __attribute__((noreturn)) usage(void)
{
	fputs("usage: semail queue [-f file] list [--json]\n"
	      "       semail queue [-f file] show id\n",
	    stderr);
	exit(64);
}

static void
complain(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

static int
say_why(int type, const struct buf *answer)
{
	char reason[201];
	enum fail why;

	if (type == MSG_FAIL &&
	    msg_fail_get(buf_span(answer), &why, reason) == 0) {
		fprintf(stderr, "semail queue: %s\n", reason);
		return 1;
	}
	if (type != -1) {
		fprintf(stderr, "semail queue: an answer of the wrong form\n");
		return 1;
	}
	if (errno == ENOENT || errno == ECONNREFUSED) {
		fprintf(stderr, "semail queue: queued is not running\n");
		return 3;
	}
	fprintf(stderr, "semail queue: %s\n", strerror(errno));
	return errno == EACCES ? 77 : 1;
}

/* For a terminal: no control bytes. */
static void
put_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		putchar(s.data[i] < ' ' || s.data[i] == 0x7f ? '?' : s.data[i]);
}

static void
put_json(struct span s)
{
	putchar('"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
time_text(uint64_t s, char out[static 32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "?");
}

static void
row_json(const struct msg_queue_row *row)
{
	struct span rest = row->rcpts;
	struct msg_row_rcpt r;
	char id[QUEUE_ID_TEXT];
	bool first = true;

	queue_id_text(row->queue_id, id);
	printf("{\"id\":\"%s\",\"arrived\":%llu,\"bytes\":%llu,"
	       "\"deferred\":%s,\"attempts\":%u,\"due\":%llu,\"from\":",
	    id, (unsigned long long)row->arrived_s,
	    (unsigned long long)row->body_bytes,
	    row->deferred ? "true" : "false", row->attempts,
	    (unsigned long long)row->due_s);
	put_json(row->reverse_path);
	printf(",\"reason\":");
	put_json(row->reason);
	printf(",\"recipients\":[");
	while (msg_row_rcpt_next(&rest, &r) == 1) {
		printf("%s{\"address\":", first ? "" : ",");
		put_json(r.address);
		printf(",\"done\":%s,\"status\":", r.done ? "true" : "false");
		put_json(r.status);
		putchar('}');
		first = false;
	}
	printf("]}");
}

static void
row_plain(const struct msg_queue_row *row)
{
	struct span rest = row->rcpts;
	struct msg_row_rcpt r;
	char id[QUEUE_ID_TEXT], when[32];

	queue_id_text(row->queue_id, id);
	time_text(row->arrived_s, when);
	printf("%s  %s  %9llu  <", id, when,
	    (unsigned long long)row->body_bytes);
	put_plain(row->reverse_path);
	printf(">\n");
	while (msg_row_rcpt_next(&rest, &r) == 1) {
		printf("    %s <", r.done ? "done" : "  to");
		put_plain(r.address);
		putchar('>');
		if (!r.done) {
			printf("  ");
			put_plain(r.status);
		}
		putchar('\n');
	}
	if (row->deferred) {
		time_text(row->due_s, when);
		printf("    attempts %u, next %s\n", row->attempts, when);
	}
}

static int
cmd_list(bool json)
{
	struct msg_queue_row row;
	struct buf ask, answer;
	uint64_t after = 0, count = 0;
	uint32_t n;
	int type;

	buf_init(&ask, 64);
	buf_init(&answer, IPC_MAX);
	if (json)
		printf("{\"messages\":[");
	do {
		struct wire w;

		buf_reset(&ask);
		buf_reset(&answer);
		wire_put_u64(&ask, after);
		wire_put_u32(&ask, PAGE);
		type = ipc_call(socket_path, ROLE_QUEUED, MSG_QUEUE_LIST, &ask,
		    CALL_MS, &answer, NULL);
		if (type != MSG_QUEUE_LIST_IS)
			return say_why(type, &answer);
		wire_init(&w, buf_span(&answer));
		n = wire_u32(&w);
		for (uint32_t i = 0; i < n; i++) {
			msg_queue_row_get(&w, &row);
			if (w.bad)
				return say_why(0, NULL);
			if (json && count > 0)
				printf(",\n");
			(json ? row_json : row_plain)(&row);
			after = row.queue_id;
			count++;
		}
	} while (n > 0);
	if (json)
		printf("]}\n");
	else
		printf("%llu message%s\n", (unsigned long long)count,
		    count == 1 ? "" : "s");
	buf_clear(&ask);
	buf_clear(&answer);
	return 0;
}

static int
copy_out(int fd)
{
	static char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (fwrite(chunk, 1, (size_t)n, stdout) != (size_t)n)
			return -1;
	return n == 0 ? 0 : -1;
}

static int
cmd_show(const char *text)
{
	struct msg_queue_row row;
	struct buf ask, answer;
	struct span body;
	struct wire w;
	uint64_t id;
	int type, fd = -1, status = 0;

	if (queue_id_parse(text, &id) == -1) {
		fprintf(stderr, "semail queue: \"%s\" is no queue id\n", text);
		return 64;
	}
	buf_init(&ask, 64);
	buf_init(&answer, IPC_MAX);
	wire_put_u64(&ask, id);
	type = ipc_call(socket_path, ROLE_QUEUED, MSG_QUEUE_SHOW, &ask, CALL_MS,
	    &answer, &fd);
	if (type != MSG_QUEUE_SHOW_IS)
		return say_why(type, &answer);
	wire_init(&w, buf_span(&answer));
	msg_queue_row_get(&w, &row);
	body = wire_bytes(&w, IPC_MAX);
	if (wire_done(&w) == -1)
		return say_why(0, NULL);
	row_plain(&row);
	putchar('\n');
	if (fwrite(body.data, 1, body.len, stdout) != body.len ||
	    (fd != -1 && copy_out(fd) == -1))
		status = 1;
	if (status != 0)
		fprintf(stderr, "semail queue: %s\n", strerror(errno));
	buf_clear(&ask);
	buf_clear(&answer);
	return status;
}

int
main(int argc, char *argv[])
{
	const char *conf_path = SYSCONFDIR "/semail/semail.conf";
	struct conf *conf;
	int c, status;

	while ((c = getopt(argc, argv, "+f:")) != -1) {
		if (c != 'f')
			usage();
		conf_path = optarg;
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		usage();
	if ((conf = conf_read(conf_path, complain, NULL)) == NULL)
		return 78;
	snprintf(socket_path, sizeof(socket_path), "%s/ctl/queued",
	    conf_get(conf, "run-dir"));
	conf_free(&conf);
	if (strcmp(argv[0], "list") == 0 && argc == 1)
		status = cmd_list(false);
	else if (strcmp(argv[0], "list") == 0 && argc == 2 &&
	    strcmp(argv[1], "--json") == 0)
		status = cmd_list(true);
	else if (strcmp(argv[0], "show") == 0 && argc == 2)
		status = cmd_show(argv[1]);
	else
		usage();
	if (fflush(stdout) == EOF && status == 0)
		status = 1;
	return status;
}
