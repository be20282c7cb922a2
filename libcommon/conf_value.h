/*
 * conf_value - is a value one of its setting's?  For conf.c.
 */
#ifndef LIBCOMMON_CONF_VALUE_H
#define LIBCOMMON_CONF_VALUE_H

#include "libcommon/conf.h"

#define CONF_WHY_MAX 512

/* May a setting of this type stand in several lines? */
bool conf_value_repeats(enum conf_type);
/* 0, with the number of a NUM, SIZE or TIME, or -1 with what is wrong and what
 * to write. */
int conf_value_check(const struct conf_setting *, const char *value,
    uint64_t *num_out, char why[static CONF_WHY_MAX]);

#endif
