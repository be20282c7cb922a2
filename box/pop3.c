#include "config.h"
#include "box/pop3.h"
#include "libcommon/log.h"
#include "libcommon/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define ARGS_MAX 2

struct args {
	unsigned n;
	uint64_t v[ARGS_MAX];
};

/* ---- commands ---------------------------------------------------------- */

/* The message an argument names, from 0; -1 after answering. */
static ptrdiff_t
message(struct pop3 *p, uint64_t number)
{
	if (number == 0 || number > p->list.n) {
		buf_puts(&p->out, "-ERR no such message\r\n");
		return -1;
	}
	if (p->deleted[number - 1]) {
		buf_puts(&p->out, "-ERR message is deleted\r\n");
		return -1;
	}
	return (ptrdiff_t)(number - 1);
}

static void
cmd_capa(struct pop3 *p, const struct args *a)
{
	(void)a;
	buf_puts(&p->out,
	    "+OK capabilities follow\r\n"
	    "TOP\r\nUSER\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\nIMPLEMENTATION SEMail\r\n.\r\n");
}

static void
cmd_dele(struct pop3 *p, const struct args *a)
{
	ptrdiff_t i = message(p, a->v[0]);

	if (i == -1)
		return;
	p->deleted[i] = 1;
	p->live--;
	p->octets -= p->list.msgs[i].octets;
	buf_puts(&p->out, "+OK deleted\r\n");
}

static void
cmd_list(struct pop3 *p, const struct args *a)
{
	ptrdiff_t i;

	if (a->n == 0) {
		buf_printf(&p->out, "+OK %zu messages (%" PRIu64 " octets)\r\n",
		    p->live, p->octets);
		pop3_start(p, POP3_LIST);
	} else if ((i = message(p, a->v[0])) != -1) {
		buf_printf(&p->out, "+OK %td %" PRIu64 "\r\n", i + 1,
		    p->list.msgs[i].octets);
	}
}

static void
cmd_noop(struct pop3 *p, const struct args *a)
{
	(void)a;
	buf_puts(&p->out, "+OK\r\n");
}

static void
cmd_quit(struct pop3 *p, const struct args *a)
{
	(void)a;
	pop3_start(p, POP3_UPDATE);
}

static void
cmd_retr(struct pop3 *p, const struct args *a)
{
	ptrdiff_t i = message(p, a->v[0]);

	if (i != -1)
		pop3_start_retr(p, (size_t)i, false, 0);
}

static void
cmd_rset(struct pop3 *p, const struct args *a)
{
	(void)a;
	p->live = p->list.n;
	p->octets = 0;
	for (size_t i = 0; i < p->list.n; i++) {
		p->deleted[i] = 0;
		p->octets += p->list.msgs[i].octets;
	}
	buf_printf(&p->out, "+OK %zu messages (%" PRIu64 " octets)\r\n",
	    p->live, p->octets);
}

static void
cmd_stat(struct pop3 *p, const struct args *a)
{
	(void)a;
	buf_printf(&p->out, "+OK %zu %" PRIu64 "\r\n", p->live, p->octets);
}

static void
cmd_top(struct pop3 *p, const struct args *a)
{
	ptrdiff_t i = message(p, a->v[0]);

	if (i != -1)
		pop3_start_retr(p, (size_t)i, true, a->v[1]);
}

static void
cmd_uidl(struct pop3 *p, const struct args *a)
{
	char uid[POP3_UID_MAX + 1];
	ptrdiff_t i;

	if (a->n == 0) {
		buf_puts(&p->out, "+OK unique ids follow\r\n");
		pop3_start(p, POP3_UIDL);
	} else if ((i = message(p, a->v[0])) != -1) {
		pop3_uid(&p->list.msgs[i], uid);
		buf_printf(&p->out, "+OK %td %s\r\n", i + 1, uid);
	}
}

static void
cmd_login(struct pop3 *p, const struct args *a)
{
	(void)a;
	buf_puts(&p->out, "-ERR you are logged in already\r\n");
}

/* F_LOGIN: its arguments are none of ours. */
enum { F_LOGIN = 1 };

/* clang-format off */
static const struct pop3_cmd {
	const char *verb;
	void (*run)(struct pop3 *, const struct args *);
	unsigned min, max; /* arguments, all of them numbers */
	unsigned flags;
} commands[] = {
	{ "CAPA", cmd_capa, 0, 0, 0 }, /* RFC 2449 5 */
	{ "DELE", cmd_dele, 1, 1, 0 }, /* RFC 1939 5 */
	{ "LIST", cmd_list, 0, 1, 0 },
	{ "NOOP", cmd_noop, 0, 0, 0 },
	{ "QUIT", cmd_quit, 0, 0, 0 }, /* 6 */
	{ "RETR", cmd_retr, 1, 1, 0 },
	{ "RSET", cmd_rset, 0, 0, 0 },
	{ "STAT", cmd_stat, 0, 0, 0 },
	{ "TOP",  cmd_top,  2, 2, 0 }, /* 7 */
	{ "UIDL", cmd_uidl, 0, 1, 0 },
	{ "APOP", cmd_login, 0, 0, F_LOGIN },
	{ "AUTH", cmd_login, 0, 0, F_LOGIN },
	{ "PASS", cmd_login, 0, 0, F_LOGIN },
	{ "STLS", cmd_login, 0, 0, F_LOGIN },
	{ "USER", cmd_login, 0, 0, F_LOGIN },
};
/* clang-format on */

/* The next word off *line. */
static struct span
word(struct span *line)
{
	struct span w;
	ptrdiff_t end;

	*line = span_trim(*line);
	end = span_chr(*line, ' ');
	w = span_sub(*line, 0, end == -1 ? line->len : (size_t)end);
	*line = span_trim(span_sub(*line, w.len, line->len));
	return w;
}

static void
pop3_command(struct pop3 *p, struct span line)
{
	struct span verb = word(&line);
	const struct pop3_cmd *c;
	struct args a = { 0 };

	for (c = commands; c < commands + nitems(commands); c++)
		if (span_is_icase(verb, c->verb))
			break;
	if (c == commands + nitems(commands)) {
		buf_puts(&p->out, "-ERR unknown command\r\n");
		return;
	}
	while (line.len > 0 && !(c->flags & F_LOGIN)) {
		struct span w = word(&line);

		if (a.n == c->max || span_u64(w, INT64_MAX, &a.v[a.n]) == -1) {
			buf_printf(&p->out, "-ERR bad argument to %s\r\n",
			    c->verb);
			return;
		}
		a.n++;
	}
	if (a.n < c->min) {
		buf_printf(&p->out, "-ERR %s wants an argument\r\n", c->verb);
		return;
	}
	c->run(p, &a);
}

/* ---- lines ------------------------------------------------------------- */

/* A line without its LF: one answer for each, whatever is wrong with it. */
static void
pop3_line(struct pop3 *p, struct span line)
{
	bool crlf = line.len > 0 && line.data[line.len - 1] == '\r';

	line.len -= crlf;
	if (p->skipping) {
		p->skipping = false;
		buf_puts(&p->out, "-ERR line too long\r\n");
	} else if (!crlf) {
		/* As before login (pop3d). */
		buf_puts(&p->out, "-ERR a line ends in CRLF\r\n");
	} else if (span_chr(line, '\0') != -1 || span_chr(line, '\r') != -1) {
		buf_puts(&p->out, "-ERR control character in a command\r\n");
	} else {
		pop3_command(p, line);
	}
}

size_t
pop3_input(struct pop3 *p, struct span in)
{
	size_t used = 0;

	while (!p->ended && !pop3_busy(p) && p->out.len < POP3_OUT_LOW) {
		struct span rest = span_sub(in, used, in.len);
		ptrdiff_t lf = span_chr(rest, '\n');

		if (lf == -1) {
			if (rest.len >= POP3_LINE_MAX || p->skipping) {
				p->skipping = p->skipping || rest.len > 0;
				used += rest.len;
			}
			break;
		}
		if (lf >= POP3_LINE_MAX)
			p->skipping = true;
		used += (size_t)lf + 1;
		pop3_line(p, span_sub(rest, 0, (size_t)lf));
	}
	return used;
}

/* ---- life -------------------------------------------------------------- */

void
pop3_uid(const struct store_msg *m, char out[static POP3_UID_MAX + 1])
{
	static const unsigned char key[32] = "semail pop3 uidl";
	struct span id = span_from(m->name, m->id_len);
	unsigned char hash[16];
	size_t i;

	for (i = 0; i < id.len; i++)
		if (id.data[i] < 0x21 || id.data[i] > 0x7e)
			break;
	if (i == id.len && i <= POP3_UID_MAX) {
		memcpy(out, id.data, i);
		out[i] = '\0';
		return;
	}
	/* A name some other program gave that UIDL cannot show. */
	secret_mac(hash, sizeof(hash), key, &id, 1);
	for (i = 0; i < sizeof(hash); i++) {
		out[2 * i] = "0123456789abcdef"[hash[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
	}
	out[2 * i] = '\0';
}

void
pop3_init(struct pop3 *p, struct folder *folder)
{
	*p = (struct pop3){ .folder = folder, .fd = -1 };
	buf_init(&p->out, 4 * POP3_OUT_LOW);
	pop3_start(p, POP3_OPEN);
}
