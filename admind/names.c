#include "config.h"
#include "admind/names.h"

#include "libcommon/addr.h"

static void
make_small(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + 32);
}

bool
name_local(struct span s, char out[static NAME_LOCAL_MAX + 1])
{
	if (span_copy(s, out, NAME_LOCAL_MAX + 1) == -1)
		return false;
	make_small(out);
	return addr_is_folder_name(span_of(out), NAME_LOCAL_MAX) &&
	    strchr(out, '+') == NULL;
}

bool
name_domain(struct span s, char out[static 256])
{
	char name[ADDR_DOMAIN_MAX + 1];

	if (addr_domain(s, name) == -1 || strchr(name, '.') == NULL ||
	    !addr_is_folder_name(span_of(name), 255))
		return false;
	memcpy(out, name, sizeof(name));
	return true;
}

static bool
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool
is_made_of(struct span s, const char *others)
{
	if (s.len == 0 || s.len > 128 || !is_alnum(s.data[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.data[i]) &&
		    (s.data[i] == '\0' || strchr(others, s.data[i]) == NULL))
			return false;
	return true;
}

bool
name_login(struct span s)
{
	return is_made_of(s, "._-+=@");
}

bool
name_server(struct span s, char out[static 129])
{
	if (!is_made_of(s, ".-") || span_copy(s, out, 129) == -1)
		return false;
	make_small(out);
	return true;
}

bool
name_is_reserved(const char *local)
{
	static const char *const names[] = { "abuse", "hostmaster",
		"mailer-daemon", "postmaster", "root", "security",
		"webmaster" };

	for (size_t i = 0; i < nitems(names); i++)
		if (strcmp(local, names[i]) == 0)
			return true;
	return false;
}
