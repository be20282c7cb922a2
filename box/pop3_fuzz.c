/* Commands of a logged-in client against a mailbox of three messages. */
#include "config.h"
#include "box/pop3.h"
#include "libcommon/secret.h"
#include "libstore/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const bodies[] = {
	"A: b\n\n.dot\n..\n.\nend",
	"",
	"B: c\r\nx: y\r\n\r\none\r\ntwo\r\nthree\r\n",
};

static int
f_list(struct folder *f, struct store_list *out)
{
	static const char *const names[] = { "1.a,S=1:2,", "2.b c", "3.c:2,S" };

	(void)f;
	out->msgs = calloc(nitems(bodies), sizeof(*out->msgs));
	for (size_t i = 0; i < nitems(bodies); i++)
		out->msgs[out->n++] = (struct store_msg){
			.name = strdup(names[i]), .id_len = 3, .own = true
		};
	return 0;
}

static int
f_measure(struct folder *f, struct store_msg *m)
{
	struct octets o = { 0 };
	const char *body = bodies[m->name[0] - '1'];

	(void)f;
	octets_add(&o, body, strlen(body));
	m->bytes = strlen(body);
	m->octets = octets_total(&o);
	return 0;
}

static void
f_see(struct folder *f, struct store_msg *m)
{
	(void)f;
	(void)m;
}

static int
f_read(struct folder *f, struct store_msg *m)
{
	(void)f;
	return m->name[0] - '1' + 1000;
}

static ssize_t
f_pread(int fd, void *p, size_t n, off_t off)
{
	struct span body = span_of(bodies[fd - 1000]);

	body = span_sub(body, (size_t)off, n);
	memcpy(p, body.data, body.len);
	return (ssize_t)body.len;
}

static int
f_close(int fd)
{
	(void)fd;
	return 0;
}

static int
f_remove(struct folder *f, struct store_msg *m)
{
	(void)f;
	(void)m;
	return 0;
}

static const struct folder_ops ops = { .list = f_list,
	.measure = f_measure,
	.see = f_see,
	.read = f_read,
	.remove = f_remove };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct folder folder = { .ops = &ops };
	struct pop3 p;
	struct span in = span_from(data, size);

	secret_init();
	store_sys.pread = f_pread;
	store_sys.close = f_close;
	pop3_init(&p, &folder);
	for (;;) {
		size_t used;

		while (pop3_busy(&p))
			pop3_work(&p);
		if (p.broken || p.live > p.list.n)
			abort();
		if (p.out.len > POP3_OUT_LOW)
			buf_reset(&p.out);
		if (p.ended)
			break;
		used = pop3_input(&p, in);
		in = span_sub(in, used, in.len);
		if (used == 0) {
			if (in.len >= POP3_LINE_MAX && !pop3_busy(&p) &&
			    p.out.len < POP3_OUT_LOW)
				abort();
			if (in.len == 0 || !pop3_busy(&p))
				break;
		}
	}
	pop3_clear(&p);
	return 0;
}
