#include "config.h"
#include "admind/alias_list.h"

/* Up to a comma outside quotes; an open quote goes to the end. */
static size_t
member_length(struct span s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.len && (quoted || s.data[i] != ','); i++) {
		if (s.data[i] == '"')
			quoted = !quoted;
		else if (quoted && s.data[i] == '\\')
			i++;
	}
	return i < s.len ? i : s.len;
}

int
alias_list_next(struct span *list, struct span *member_out)
{
	while (list->len > 0) {
		size_t n = member_length(*list);

		*member_out = span_trim(span_sub(*list, 0, n));
		*list = span_sub(*list, n + 1, list->len);
		if (member_out->len > 0)
			return 1;
	}
	return 0;
}
