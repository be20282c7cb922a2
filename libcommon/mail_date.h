/*
 * mail_date - a time as a Date or Received line has it (RFC 5322 3.3).
 */
#ifndef LIBCOMMON_MAIL_DATE_H
#define LIBCOMMON_MAIL_DATE_H

#include <stdint.h>

#define MAIL_DATE 40

/* "Sat, 21 Nov 2026 07:00:00 +0000" */
void mail_date(uint64_t unix_s, char out[static MAIL_DATE]);

#endif
