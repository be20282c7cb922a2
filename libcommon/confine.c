#include "config.h"
#include "libcommon/confine.h"
#include "libcommon/buf.h"
#include "libcommon/log.h"
#include "libcommon/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Names newer than the headers of the oldest system we build on. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Our own directory, where we are since proc_drop(). */
static void
confine_own(int ruleset)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE
	};

	rule.parent_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd == -1 ||
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
	        &rule, 0) == -1)
		fatal("landlock own directory");
	close(rule.parent_fd);
}

static void
confine_landlock(unsigned rights, const int *dirs, size_t ndirs)
{
	struct landlock_ruleset_attr attr = { 0 };
	uint64_t files = LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG;
	uint64_t all = files | LANDLOCK_ACCESS_FS_EXECUTE |
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
	    LANDLOCK_ACCESS_FS_MAKE_SYM;
	long abi;
	int fd;

	/* Who may execute must reach programs everywhere. */
	if (rights & CONFINE_EXEC)
		return;
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_warnx("confine landlock=no (the kernel has none)");
		return;
	}
	if (abi >= 2) {
		files |= LANDLOCK_ACCESS_FS_REFER;
		all |= LANDLOCK_ACCESS_FS_REFER;
	}
	if (abi >= 3) {
		files |= LANDLOCK_ACCESS_FS_TRUNCATE;
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	}
	attr.handled_access_fs = all;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr.handled_access_fs), 0);
	if (fd == -1)
		fatal("landlock ruleset");
	for (size_t i = 0; (rights & CONFINE_FILES) && i < ndirs; i++) {
		struct landlock_path_beneath_attr rule = {
			.allowed_access = files, .parent_fd = dirs[i]
		};

		if (syscall(SYS_landlock_add_rule, fd,
		        LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
			fatal("landlock rule");
	}
	if (rights & CONFINE_READ)
		confine_own(fd);
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		fatal("landlock");
	close(fd);
}

struct call_set {
	unsigned right; /* 0: always */
	const char *const *names;
};

/* What every daemon does all day: memory, time, the event loop, descriptors
 * it has. */
static const char *const calls_base[] = { "read", "write", "readv", "writev",
	"pread64", "pwrite64", "preadv", "pwritev", "pwritev2", "preadv2",
	"recvmsg", "sendmsg", "recvfrom", "sendto", "shutdown", "close", "dup",
	"dup2", "dup3", "fcntl", "fstat", "newfstatat", "lseek", "poll",
	"ppoll", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
	"epoll_create1", "eventfd2", "timerfd_create", "timerfd_settime",
	"pipe2", "socketpair", "getsockopt", "setsockopt", "getsockname",
	"getpeername", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk",
	"memfd_create", "ftruncate", "fallocate", "sendfile", "splice",
	"sync_file_range", "fsync", "fdatasync", "syncfs", "statfs", "fstatfs",
	"clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "uname", "sysinfo", "futex", "sched_yield",
	"sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"sigaltstack", "restart_syscall", "exit", "exit_group", "tgkill",
	"prctl", "rseq", "set_robust_list", "membarrier", "getrlimit",
	"prlimit64", "getrusage", "arch_prctl", NULL };
static const char *const calls_accept[] = { "accept4", "accept", NULL };
static const char *const calls_connect[] = { "connect", NULL };
static const char *const calls_files[] = { "openat", "openat2", "open", "creat",
	"stat", "lstat", "statx", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getdents64", "rename", "renameat",
	"renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
	"rmdir", "truncate", "fchmod", "fchmodat", "utimensat", "flock",
	"fadvise64", "copy_file_range", "msync", "umask", "getcwd", NULL };
static const char *const calls_fork[] = { "clone", "clone3", "fork", "vfork",
	"wait4", "waitid", "kill", "setpgid", "setsid", NULL };
static const char *const calls_threads[] = { "clone", "clone3", NULL };
static const char *const calls_nest[] = { "seccomp", "landlock_create_ruleset",
	"landlock_add_rule", "landlock_restrict_self", "setrlimit",
	"close_range", NULL };
static const char *const calls_exec[] = { "execve", "execveat", "setuid",
	"setgid", "setresuid", "setresgid", "setgroups", "capset", "capget",
	"fchown", "fchownat", "chown", "lchown", "fchdir", "chdir", "seccomp",
	"landlock_create_ruleset", "landlock_add_rule",
	"landlock_restrict_self", "setrlimit", "close_range", "set_tid_address",
	"umask", "openat2", NULL };

static const struct call_set call_sets[] = {
	{ 0, calls_base },
	{ CONFINE_ACCEPT, calls_accept },
	{ CONFINE_CONNECT, calls_connect },
	{ CONFINE_INET, calls_connect },
	{ CONFINE_FILES, calls_files },
	{ CONFINE_FORK, calls_fork },
	{ CONFINE_EXEC, calls_exec },
	{ CONFINE_EXEC, calls_files }, /* a program starts by opening files */
	{ CONFINE_THREADS, calls_threads },
	{ CONFINE_NEST, calls_nest },
};

static void
allow(scmp_filter_ctx f, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		return; /* not on this architecture */
	if (seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0) < 0)
		fatalx("seccomp rule=%s", name);
}

static void
confine_seccomp(unsigned rights)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (f == NULL)
		fatalx("seccomp");
	/* Threads know each other; a filter on one alone would be no wall. */
	if (seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) < 0)
		fatalx("seccomp tsync");
	for (size_t i = 0; i < nitems(call_sets); i++) {
		if (call_sets[i].right != 0 && !(rights & call_sets[i].right))
			continue;
		for (const char *const *n = call_sets[i].names; *n != NULL; n++)
			allow(f, *n);
	}
	if (rights & CONFINE_CONNECT)
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (rights & CONFINE_INET) {
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, AF_INET));
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, AF_INET6));
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	}
	if (rights & CONFINE_READ)
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ,
		        O_ACCMODE | O_CREAT | O_TRUNC | O_PATH, O_RDONLY));
	if (rights & CONFINE_EXEC) { /* spawnd's folders of homes */
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    SCMP_A1(SCMP_CMP_EQ, FS_IOC_GETFLAGS));
		seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    SCMP_A1(SCMP_CMP_EQ, FS_IOC_SETFLAGS));
	}
#ifdef SANITIZED
	/* The sanitizers' runtime reads /proc, walks threads at exit. */
	for (const char *const *n = calls_files; *n != NULL; n++)
		allow(f, *n);
	for (const char *const *n = calls_fork; *n != NULL; n++)
		allow(f, *n);
	allow(f, "ptrace");
	allow(f, "process_vm_readv");
#endif
	if (!(rights & CONFINE_EXEC)) {
		seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 0);
		seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execveat),
		    0);
#ifndef SANITIZED
		seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace), 0);
#endif
	}
	if (seccomp_load(f) < 0)
		fatalx("seccomp load");
	seccomp_release(f);
}

#ifdef SANITIZED
/* Confined and not dumpable, a process cannot be looked at by the leak checker
 * at its end, which then fails; unit tests do not link this file. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return 1;
}
#endif

void
confine(unsigned rights, const int *dirs, size_t ndirs)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs");
	confine_landlock(rights, dirs, ndirs);
	confine_seccomp(rights);
}
