#include "config.h"
#include "libcommon/mail_date.h"

#include <stdio.h>
#include <time.h>

void
mail_date(uint64_t unix_s, char out[static MAIL_DATE])
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&t, &tm); /* UTC: no files for a time zone in a chroot */
	snprintf(out, MAIL_DATE, "%s, %d %s %d %02d:%02d:%02d +0000",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}
