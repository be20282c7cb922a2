/* The runner with real hooks, as spawnd uses it. */
#include "config.h"
#include "master/hook_runner.h"
#include "libcommon/io.h"
#include "libcommon/msg_hook.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int runner;
static char said[HOOK_SAID_MAX + 1], dir[4096];
static uint32_t timeout_ms = 20000;
static const char *user = "nobody";

static const char *
path_of(const char *name)
{
	static char path[5000];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	int fd;

	unlink(path_of(name));
	fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || io_write_all(fd, text, strlen(text)) == -1 ||
	    fchmod(fd, mode) == -1)
		abort();
	close(fd);
}

static void
order(const char *hook)
{
	struct hook_order o = { .timeout_ms = timeout_ms,
		.dir = dir,
		.user = user,
		.change_user = geteuid() == 0,
		.audit = "7",
		.nenv = 2,
		.env = { "PATH=/usr/bin:/bin", "SEMAIL_HOOK=x y" } };
	struct buf b;

	if (hook_by_name(span_of(hook), &o.hook) == -1)
		abort();
	buf_init(&b, 1 << 16);
	hook_order_put(&b, &o);
	if (send(runner, b.data, b.len, 0) != (ssize_t)b.len)
		abort();
	buf_clear(&b);
}

static int
run(const char *hook)
{
	struct pollfd p = { .fd = runner, .events = POLLIN };
	unsigned char in[1024];
	struct msg_hooked m;
	ssize_t n;

	order(hook);
	if (poll(&p, 1, 30000) != 1 ||
	    (n = recv(runner, in, sizeof(in), 0)) <= 0 ||
	    msg_hooked_get(span_from(in, (size_t)n), &m) == -1)
		return -1;
	span_copy(m.said, said, sizeof(said));
	return (int)m.status;
}

static int
run_script(const char *script)
{
	write_file("domain-new", script, 0755);
	return run("domain-new");
}

/* Is the process gone whose id it wrote? */
static bool
is_gone(const char *name)
{
	struct timespec nap = { 0, 20 * 1000 * 1000 };
	char text[32] = "";
	int fd, tries;
	long pid;

	for (tries = 0; tries < 500; tries++, nanosleep(&nap, NULL)) {
		fd = open(path_of(name), O_RDONLY);
		if (fd != -1 && read(fd, text, sizeof(text) - 1) > 0 &&
		    strchr(text, '\n') != NULL)
			break;
		if (fd != -1)
			close(fd);
	}
	close(fd);
	pid = strtol(text, NULL, 10);
	for (tries = 0; pid > 1 && tries < 500; tries++) {
		if (kill((pid_t)pid, 0) == -1 && errno == ESRCH)
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

static void
ends(void)
{
	is_int(run_script("#!/bin/sh\nexit 0\n"), 0, "done");
	is_str(said, "", "and nothing said");
	is_int(run_script("#!/bin/sh\necho one; echo two >&2; exit 3\n"), 3,
	    "failed");
	is_str(said, "two", "the last line is its reason");
	is_int(run_script("#!/bin/sh\nkill -9 $$\n"), HOOK_SIGNAL + 9,
	    "killed");
	is_int(run_script("#!/bin/sh\nprintf 'a\\033[31m\\000b\\n'; exit 1\n"),
	    1, "what is no text");
	is_str(said, "a?[31m?b", "is cleaned");
	is_int(run_script("#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\n"),
	    0, "much output");
	is_int((int)strlen(said), HOOK_SAID_MAX, "is cut");
	is_int(run_script("#!/bin/sh\nexec >&- 2>&-; sleep 0.2; exit 4\n"), 4,
	    "its output may end before it does");
	is_int(run_script("#!/nonexistent\n"), 126, "cannot be executed");
	is_str(said, "it cannot be executed: No such file or directory",
	    "says why");
}

static void
surroundings(void)
{
	is_int(
	    run_script(
	        "#!/bin/sh\n[ \"$(env | grep -vE '^(PWD|SHLVL|_|OLDPWD)=' | sort "
	        "| tr '\\n' ,)\" = 'PATH=/usr/bin:/bin,SEMAIL_HOOK=x y,' ]\n"),
	    0, "the environment is what was ordered");
	is_int(run_script("#!/bin/sh\n[ -z \"$(cat)\" ] && [ \"$PWD\" = / ] &&"
	                  " [ \"$(ls /proc/self/fd | wc -l)\" = 4 ]\n"),
	    0, "no input, in /, nothing open but 0 1 2 (and that of ls)");
	if (geteuid() != 0)
		return;
	is_int(run_script(
	           "#!/bin/sh\n[ \"$(id -un)\" = nobody ] && "
	           "grep -q '^CapEff:.*0000000000000000' /proc/self/status && "
	           "grep -q '^CapPrm:.*0000000000000000' /proc/self/status && "
	           "grep -q '^NoNewPrivs:.*1' /proc/self/status\n"),
	    0, "as hook-user, without rights, and without hope of any");
	user = "root";
	is_int(run_script("#!/bin/sh\n"), HOOK_UNFIT, "never as root");
	user = "no-such-user";
	is_int(run_script("#!/bin/sh\n"), HOOK_UNFIT,
	    "not as nobody knows whom");
	user = "nobody";
}

static void
limits(void)
{
	uint64_t began = io_now_ms();
	char script[9000];

	timeout_ms = 500;
	snprintf(script, sizeof(script),
	    "#!/bin/sh\necho $$ >%s/a\n"
	    "(setsid sh -c 'echo $$ >%s/b; sleep 600') &\n"
	    "sleep 600 & echo waiting; wait\n",
	    dir, dir);
	is_int(run_script(script), HOOK_TIMEOUT, "its time is over");
	ok(io_now_ms() - began < 5000, "and it is told soon");
	is_str(said, "waiting", "with what it said");
	ok(is_gone("a") && is_gone("b"), "nothing of it is left");
	timeout_ms = 20000;
	write_file("a", "", 0666);
	snprintf(script, sizeof(script),
	    "#!/bin/sh\n"
	    "(setsid sh -c 'echo $$ >%s/a; sleep 600') &\n"
	    "while [ ! -s %s/a ]; do sleep 0.01; done; exit 0\n",
	    dir, dir);
	is_int(run_script(script), 0, "one that leaves something behind");
	ok(is_gone("a"), "is cleaned up after");
}

static void
unfit(void)
{
	write_file("domain-new", "#!/bin/sh\n", 0755);
	unlink(path_of("domain-mod"));
	is_int(run("domain-mod"), HOOK_MISSING, "no hook");
	write_file("domain-mod", "#!/bin/sh\n", 0644);
	is_int(run("domain-mod"), HOOK_MISSING, "one that is switched off");
	write_file("domain-mod", "#!/bin/sh\n", 0775);
	is_int(run("domain-mod"), HOOK_UNFIT, "one its group may write");
	unlink(path_of("domain-mod"));
	if (symlink("domain-new", path_of("domain-mod")) == -1)
		abort();
	is_int(run("domain-mod"), HOOK_UNFIT, "a link");
	unlink(path_of("domain-mod"));
	if (mkfifo(path_of("domain-mod"), 0755) == -1)
		abort();
	is_int(run("domain-mod"), HOOK_UNFIT, "a pipe");
	unlink(path_of("domain-mod"));
	if (geteuid() == 0) {
		write_file("domain-mod", "#!/bin/sh\n", 0755);
		if (chown(path_of("domain-mod"), 65534, 65534) == -1)
			abort();
		is_int(run("domain-mod"), HOOK_UNFIT, "somebody else's");
		unlink(path_of("domain-mod"));
	}
	if (chmod(dir, 0777) == -1)
		abort();
	is_int(run("domain-new"), HOOK_UNFIT, "a folder all may write");
	if (chmod(dir, 0755) == -1)
		abort();
	is_int(run("domain-new"), 0, "and as it should be");
}

/* spawnd dies: so does what runs. */
static void
orphan(void)
{
	struct timespec nap = { 0, 1000 * 1000 };
	char script[9000];
	struct stat st;

	write_file("a", "", 0666);
	snprintf(script, sizeof(script),
	    "#!/bin/sh\necho $$ >%s/a; sleep 600\n", dir);
	write_file("domain-new", script, 0755);
	order("domain-new");
	while (stat(path_of("a"), &st) == 0 && st.st_size == 0)
		nanosleep(&nap, NULL);
	close(runner);
	ok(is_gone("a"), "spawnd is gone: so is the hook");
}

int
main(void)
{
	tmpdir_make();
	snprintf(dir, sizeof(dir), "%s/hooks", tmpdir_path);
	if (chmod(tmpdir_path, 0711) == -1 || mkdir(dir, 0755) == -1 ||
	    chmod(dir, 0755) == -1)
		abort();
	runner = hook_runner_start();
	ends();
	surroundings();
	/* Here hooks, which are somebody else's, tell us of themselves. */
	write_file("a", "", 0666);
	write_file("b", "", 0666);
	limits();
	unfit();
	orphan();
	tmpdir_remove();
	return done_testing();
}
