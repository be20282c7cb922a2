/* An answer as fields, and its rows, which are fields of fields. */
#include "client/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* TYPE CLIENT-LOGIN PASSWORD DOMAIN CODE COMMENT [NEXT COLUMNS row...] */
#define F_CODE 4
#define F_COMMENT 5
#define F_NEXT 6
#define F_COLUMNS 7
#define F_ROWS 8

static void
fields_clear(struct semail_fields *f)
{
	free(f->bytes);
	free(f->at);
	free(f->len);
	memset(f, 0, sizeof(*f));
}

static int
fields_take(struct semail_fields *f, const char *text, size_t len)
{
	size_t n = 1, i = 0, start = 0, end;
	char *to;

	memset(f, 0, sizeof(*f));
	for (size_t k = 0; k < len; k++)
		n += text[k] == '|';
	f->bytes = malloc(len + n);
	f->at = calloc(n, sizeof(*f->at));
	f->len = calloc(n, sizeof(*f->len));
	if ((to = f->bytes) == NULL || f->at == NULL || f->len == NULL)
		goto bad;
	for (; i < n; i++, start = end + 1) {
		for (end = start; end < len && text[end] != '|'; end++)
			;
		f->at[i] = to;
		if (semail_field_get(to, &f->len[i], text + start,
		        end - start) == -1) {
			fields_clear(f);
			errno = EBADMSG;
			return -1;
		}
		to += f->len[i];
		*to++ = '\0';
	}
	f->n = n;
	return 0;
bad:
	fields_clear(f);
	errno = ENOMEM;
	return -1;
}

static const char *
fields_get(const struct semail_fields *f, size_t n, size_t *len)
{
	if (len != NULL)
		*len = n < f->n ? f->len[n] : 0;
	return n < f->n ? f->at[n] : "";
}

/* An answer that is no table may have anything in these places. */
static void
no_rows(struct semail_admin *a)
{
	for (size_t i = 0; i < a->nrows; i++)
		fields_clear(&a->rows[i]);
	free(a->rows);
	a->rows = NULL;
	a->nrows = 0;
	fields_clear(&a->columns);
}

void
semail_answer_clear(struct semail_admin *a)
{
	no_rows(a);
	fields_clear(&a->fields);
	semail_bytes_clear(&a->answer);
}

/* A code is "0", or "-" and a number. */
static int
code_good(const char *code)
{
	size_t n;

	if (strcmp(code, "0") == 0)
		return 1;
	n = code[0] == '-' ? strspn(code + 1, "0123456789") : 0;
	return n > 0 && n < 6 && code[1 + n] == '\0' && code[1] != '0';
}

static int
take_rows(struct semail_admin *a)
{
	const struct semail_fields *f = &a->fields;

	if (f->n <= F_COLUMNS)
		return 0;
	if (fields_take(&a->columns, f->at[F_COLUMNS], f->len[F_COLUMNS]) == -1)
		return errno == EBADMSG ? 0 : -1;
	if (f->n == F_ROWS)
		return 0;
	if ((a->rows = calloc(f->n - F_ROWS, sizeof(*a->rows))) == NULL)
		return -1;
	for (size_t i = F_ROWS; i < f->n; i++, a->nrows++) {
		if (fields_take(&a->rows[a->nrows], f->at[i], f->len[i]) == 0)
			continue;
		if (errno != EBADMSG)
			return -1;
		no_rows(a);
		break;
	}
	return 0;
}

int
semail_answer_take(struct semail_admin *a)
{
	if (fields_take(&a->fields, a->answer.data, a->answer.len) == -1 ||
	    a->fields.n <= F_COMMENT || !code_good(a->fields.at[F_CODE]) ||
	    take_rows(a) == -1) {
		semail_answer_clear(a);
		return -1;
	}
	return 0;
}

const char *
semail_admin_field(const struct semail_admin *a, size_t n, size_t *len)
{
	return fields_get(&a->fields, n, len);
}

size_t
semail_admin_nfields(const struct semail_admin *a)
{
	return a->fields.n;
}

const char *
semail_admin_text(const struct semail_admin *a, size_t *len)
{
	if (len != NULL)
		*len = a->answer.len;
	return a->answer.data != NULL ? a->answer.data : "";
}

const char *
semail_admin_comment(const struct semail_admin *a)
{
	return a->trouble[0] != '\0' ? a->trouble
	                             : fields_get(&a->fields, F_COMMENT, NULL);
}

const char *
semail_admin_next(const struct semail_admin *a)
{
	return fields_get(&a->fields, F_NEXT, NULL);
}

size_t
semail_admin_columns(const struct semail_admin *a)
{
	return a->columns.n;
}

size_t
semail_admin_rows(const struct semail_admin *a)
{
	return a->nrows;
}

const char *
semail_admin_column(const struct semail_admin *a, size_t column)
{
	return fields_get(&a->columns, column, NULL);
}

const char *
semail_admin_cell(const struct semail_admin *a, size_t row, size_t column,
    size_t *len)
{
	static const struct semail_fields none;

	return fields_get(row < a->nrows ? &a->rows[row] : &none, column, len);
}
