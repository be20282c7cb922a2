/* The one gate between a name somebody chose and a path below mail/. */
#include "config.h"
#include "libcommon/addr.h"

bool
addr_is_folder_name(struct span s, size_t max)
{
	if (s.len == 0 || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		if (i == 0 || strchr("._+-=", c) == NULL || c == '\0' ||
		    (c == '.' && s.data[i - 1] == '.'))
			return false;
	}
	return true;
}
