/*
 * confine - Landlock and seccomp, for proc_confine() and box-worker.
 */
#ifndef LIBCOMMON_CONFINE_H
#define LIBCOMMON_CONFINE_H

#include <stddef.h>

/*
 * Leave this process only the rights (CONFINE_* of proc.h).  With
 * CONFINE_FILES the trees below dirs stay reachable, without it nothing on any
 * file system does.  A forbidden system call fails with EPERM; executing
 * another program without CONFINE_EXEC kills the process.  fatal() if the
 * kernel refuses; a kernel without Landlock is logged once and goes on.
 */
void confine(unsigned rights, const int *dirs, size_t ndirs);

#endif
