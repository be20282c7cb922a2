#include "client/internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 60000
#define GOODBYE_MS 2000

_Static_assert(SEMAIL_ADMIN_ID == CODED_ID, "ids");

struct semail_admin *
semail_admin_new(const char *key, const char *where)
{
	struct semail_admin *a;

	if (semail_coded_start() == -1 || (a = calloc(1, sizeof(*a))) == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	a->fd = -1;
	a->timeout_ms = TIMEOUT_MS;
	if (semail_key_parse(&a->key, key, strlen(key)) == -1 ||
	    !semail_where_good(where)) {
		semail_admin_free(a);
		errno = EINVAL;
		return NULL;
	}
	if ((a->where = strdup(where)) == NULL) {
		semail_admin_free(a);
		errno = ENOMEM;
		return NULL;
	}
	return a;
}

void
semail_admin_timeout(struct semail_admin *a, unsigned ms)
{
	a->timeout_ms = ms;
}

static void
hang_up(struct semail_admin *a)
{
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
	a->used = 0;
	semail_coded_clear(&a->coded);
	semail_bytes_clear(&a->record);
}

/* Our end, and theirs, so that both have seen that nothing was cut off. */
static void
goodbye(struct semail_admin *a)
{
	static const unsigned char none[CODED_ID];
	unsigned char head[CODED_HEAD];
	uint64_t until = semail_now_ms() + GOODBYE_MS;
	size_t n;

	n = semail_record_seal(&a->coded, CODED_END, none, NULL, 0, head);
	if (semail_send(a->fd, head, n, until) == 0)
		(void)semail_receive(a->fd, head, sizeof(head), until);
}

void
semail_admin_free(struct semail_admin *a)
{
	if (a == NULL)
		return;
	if (a->fd != -1)
		goodbye(a);
	hang_up(a);
	semail_answer_clear(a);
	semail_bytes_clear(&a->request);
	free(a->where);
	sodium_memzero(a, sizeof(*a));
	free(a);
}

/* ---- a request -------------------------------------------------------------- */

static void
request_new(struct semail_admin *a)
{
	semail_answer_clear(a);
	semail_bytes_clear(&a->request);
	a->trouble[0] = '\0';
	randombytes_buf(a->id, sizeof(a->id));
}

void
semail_admin_begin(struct semail_admin *a, const char *type, const char *login,
    const char *password, const char *domain)
{
	request_new(a);
	semail_bytes_put_field(&a->request, type, strlen(type));
	semail_admin_add(a, login);
	semail_admin_add(a, password);
	semail_admin_add(a, domain);
}

void
semail_admin_add(struct semail_admin *a, const char *field)
{
	semail_admin_add_bytes(a, field, field == NULL ? 0 : strlen(field));
}

void
semail_admin_add_bytes(struct semail_admin *a, const void *field, size_t len)
{
	semail_bytes_put(&a->request, "|", 1);
	semail_bytes_put_field(&a->request, field, len);
}

void
semail_admin_begin_raw(struct semail_admin *a, const void *text, size_t len)
{
	request_new(a);
	semail_bytes_put(&a->request, text, len);
}

/* ---- the exchange -------------------------------------------------------------- */

static int
trouble(struct semail_admin *a, int kind, const char *what)
{
	int says = kind == SEMAIL_ADMIN_LOST && errno != EPIPE;

	snprintf(a->trouble, sizeof(a->trouble), "%s%s%s", what,
	    says ? ": " : "", says ? strerror(errno) : "");
	hang_up(a);
	semail_answer_clear(a);
	return kind;
}

/* 0, or trouble. */
static int
connect_to(struct semail_admin *a, uint64_t until)
{
	unsigned char ephemeral[CODED_KEY], hello[CODED_HELLO];
	unsigned char welcome[CODED_WELCOME];
	int r;

	if ((a->fd = semail_dial(a->where, until)) == -1)
		return trouble(a, SEMAIL_ADMIN_LOST,
		    "admind cannot be reached");
	randombytes_buf(ephemeral, sizeof(ephemeral));
	r = semail_hello_make(&a->coded, &a->key, ephemeral, hello);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (r == -1)
		return trouble(a, SEMAIL_ADMIN_REFUSED, "the key is not one");
	if (semail_send(a->fd, hello, sizeof(hello), until) == -1 ||
	    semail_receive(a->fd, welcome, sizeof(welcome), until) == -1)
		return errno == EPIPE || errno == ECONNRESET
		    ? trouble(a, SEMAIL_ADMIN_REFUSED,
		          "admind closed the "
		          "connection: it does not know this key, or has too many "
		          "connections")
		    : trouble(a, SEMAIL_ADMIN_LOST, "admind does not answer");
	if (semail_welcome_take(&a->coded, &a->key, welcome) == -1)
		return trouble(a, SEMAIL_ADMIN_REFUSED,
		    "what answers is not admind");
	return 0;
}

static int
send_request(struct semail_admin *a, uint64_t until)
{
	size_t n = semail_record_size(CODED_REQUEST, a->request.len);
	unsigned char *p;

	semail_bytes_clear(&a->record);
	if ((p = semail_bytes_room(&a->record, n)) == NULL)
		return trouble(a, SEMAIL_ADMIN_MEMORY, "no memory");
	semail_record_seal(&a->coded, CODED_REQUEST, a->id, a->request.data,
	    a->request.len, p);
	if (semail_send(a->fd, p, n, until) == -1)
		return trouble(a, SEMAIL_ADMIN_LOST, "the connection broke");
	return 0;
}

static int
receive_answer(struct semail_admin *a, uint64_t until)
{
	unsigned char head[CODED_HEAD], *p;
	size_t n;
	int type;

	if (semail_receive(a->fd, head, sizeof(head), until) == -1)
		return trouble(a, SEMAIL_ADMIN_LOST,
		    errno == EPIPE ? "the connection was cut before the answer"
		                   : "no answer came");
	if (semail_head_open(&a->coded, head, &type, &n) == -1)
		return trouble(a, SEMAIL_ADMIN_BROKEN,
		    "the answer was changed "
		    "on its way");
	errno = EPIPE;
	if (type == CODED_END)
		return trouble(a, SEMAIL_ADMIN_LOST,
		    "admind has closed the "
		    "connection");
	semail_bytes_clear(&a->record);
	if ((p = semail_bytes_room(&a->record, n + CODED_TAG)) == NULL)
		return trouble(a, SEMAIL_ADMIN_MEMORY, "no memory");
	if (semail_receive(a->fd, p, n + CODED_TAG, until) == -1)
		return trouble(a, SEMAIL_ADMIN_LOST, "the answer was cut");
	if (semail_body_open(&a->coded, p, n, p) == -1)
		return trouble(a, SEMAIL_ADMIN_BROKEN,
		    "the answer was changed "
		    "on its way");
	if (type != CODED_ANSWER || memcmp(p, a->id, CODED_ID) != 0)
		return trouble(a, SEMAIL_ADMIN_BROKEN,
		    "an answer to something "
		    "else");
	semail_bytes_put(&a->answer, p + CODED_ID, n - CODED_ID);
	if (a->answer.bad)
		return trouble(a, SEMAIL_ADMIN_MEMORY, "no memory");
	if (semail_answer_take(a) == -1)
		return trouble(a, SEMAIL_ADMIN_BROKEN,
		    "the answer cannot be "
		    "read");
	a->used = 1;
	return (int)strtol(a->fields.at[4], NULL, 10);
}

/* Connect if need be, and send. */
static int
send_once(struct semail_admin *a, uint64_t until)
{
	int r;

	semail_answer_clear(a);
	a->trouble[0] = '\0';
	if (a->request.bad)
		return trouble(a, SEMAIL_ADMIN_MEMORY, "no memory");
	if (a->request.len > CODED_TEXT_MAX)
		return trouble(a, SEMAIL_ADMIN_TOO_LONG,
		    "the request is too long");
	if (a->fd == -1 && (r = connect_to(a, until)) != 0)
		return r;
	return send_request(a, until);
}

static int
call_once(struct semail_admin *a)
{
	uint64_t until = semail_now_ms() + a->timeout_ms;
	int r = send_once(a, until);

	return r != 0 ? r : receive_answer(a, until);
}

int
semail_admin_call(struct semail_admin *a)
{
	int used = a->used, r = call_once(a);

	/* An idle connection may have been closed meanwhile; the id makes it
	 * safe to ask once more. */
	return r == SEMAIL_ADMIN_LOST && used ? call_once(a) : r;
}

int
semail_admin_again(struct semail_admin *a)
{
	hang_up(a);
	return call_once(a);
}

/* ---- without waiting ----------------------------------------------------------- */

int
semail_admin_send(struct semail_admin *a,
    const unsigned char id[SEMAIL_ADMIN_ID])
{
	memcpy(a->id, id, sizeof(a->id));
	return send_once(a, semail_now_ms() + a->timeout_ms);
}

int
semail_admin_receive(struct semail_admin *a,
    const unsigned char id[SEMAIL_ADMIN_ID])
{
	semail_answer_clear(a);
	a->trouble[0] = '\0';
	memcpy(a->id, id, sizeof(a->id));
	errno = EPIPE;
	if (a->fd == -1)
		return trouble(a, SEMAIL_ADMIN_LOST, "there is no connection");
	return receive_answer(a, semail_now_ms() + a->timeout_ms);
}

void
semail_admin_new_id(unsigned char id[SEMAIL_ADMIN_ID])
{
	randombytes_buf(id, SEMAIL_ADMIN_ID);
}
