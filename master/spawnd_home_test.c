/* As root with a real owner, else with our own uid. */
#include "config.h"
#include "master/spawnd.h"
#include "tap.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int mail;
static uid_t owner;

static bool
is_dir(const char *path, mode_t mode, uid_t uid)
{
	struct stat st;

	return fstatat(mail, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode) && (st.st_mode & 07777) == mode &&
	    st.st_uid == uid;
}

/* The home of a Unix account, which is not below mail. */
static void
accounts(void)
{
	char path[300], by_link[300];
	struct home h = { .mail = mail,
		.mailbox = 9,
		.owner = owner,
		.domain = "a.test",
		.login = "ann",
		.account = path };
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/people", tmpdir_path);
	snprintf(by_link, sizeof(by_link), "%s/people.link", tmpdir_path);
	ok(home_make(&h) == -1 && errno == ENOENT, "an account without a home");
	ok(access(path, F_OK) == -1, "is not given one");
	if (mkdir(path, 0750) == -1 || chmod(path, 0750) == -1 ||
	    symlink(path, by_link) == -1)
		abort();
	if (geteuid() == 0) {
		ok(home_make(&h) == -1 && errno == EPERM,
		    "one that is root's is not given away");
		if (chown(path, owner, 7) == -1)
			abort();
	}
	is_int(home_make(&h), 0, "its own is good");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0750 &&
	        st.st_uid == owner,
	    "and stays as it is");
	ok(fstatat(mail, "a.test", &st, 0) == -1, "nothing is made below mail");
	fd = home_open(&h);
	ok(fd != -1 && (fcntl(fd, F_GETFL) & O_PATH), "opened as a path only");
	close(fd);
	h.owner++;
	ok(home_open(&h) == -1 && errno == EPERM, "not by another account");
	h.owner--;
	h.account = by_link;
	ok(home_open(&h) == -1, "not by a link");
	h.account = "";
	ok(home_open(&h) == -1 && errno == ENOENT, "an account no more");
}

int
main(void)
{
	struct home h = { .mailbox = 7, .domain = "x.test", .login = "ann" };
	struct home link = { .mailbox = 8, .domain = "x.test", .login = "eve" };
	struct home other;
	struct stat st;
	int fd;

	umask(077);
	tmpdir_make();
	mail = open(tmpdir_path, O_RDONLY | O_DIRECTORY);
	owner = geteuid() == 0 ? 1900000007 : geteuid();
	h.mail = link.mail = mail;
	h.owner = link.owner = owner;

	ok(home_open(&h) == -1 && errno == ENOENT, "no home yet");
	is_int(home_make(&h), 0, "made");
	ok(is_dir("x.test", 0711, geteuid()), "the domain is ours, 0711");
	ok(is_dir("x.test/ann", 0700, owner), "the home is its owner's, 0700");
	is_int(home_make(&h), 0, "making it again does nothing");
	fd = home_open(&h);
	ok(fd != -1 && (fcntl(fd, F_GETFL) & O_PATH), "opened as a path only");
	close(fd);

	other = h;
	other.owner = owner + 1;
	ok(home_open(&other) == -1 && errno == EPERM,
	    "somebody else's home is refused");
	if (geteuid() == 0)
		ok(home_make(&other) == -1 && errno == EPERM,
		    "and not taken over");

	if (geteuid() == 0) {
		/* A crash between mkdir and chown. */
		mkdirat(mail, "x.test/bob", 0700);
		other = h;
		other.login = "bob";
		is_int(home_make(&other), 0, "half a home is finished");
		ok(is_dir("x.test/bob", 0700, owner), "given to its owner");
	}

	if (symlinkat("/tmp", mail, "x.test/eve") == -1 ||
	    symlinkat("/tmp", mail, "link.test") == -1)
		return 1;
	is_int(home_open(&link), -1, "a home that is a link is refused");
	is_int(home_make(&link), -1, "and not made");
	link.domain = "link.test";
	is_int(home_make(&link), -1, "a domain that is a link is refused");
	mkdirat(mail, "open.test", 0777);
	if (fchmodat(mail, "open.test", 0777, 0) == -1)
		return 1;
	link.domain = "open.test";
	ok(home_open(&link) == -1 && errno == EPERM,
	    "a folder others may write is not ours");

	close(openat(mail, "x.test/ann/mail", O_WRONLY | O_CREAT, 0600));
	fd = home_retire(&h);
	ok(fd != -1, "moved aside");
	ok(fstat(fd, &st) == 0 && st.st_uid == owner, "still its owner's");
	ok(is_dir(".removed", 0700, geteuid()), "in a folder of ours");
	ok(home_open(&h) == -1 && errno == ENOENT, "its name is free");
	ok(home_drop(&h) == -1 && errno == ENOTEMPTY,
	    "not removed before it is empty");
	close(fd);
	fd = home_retire(&h);
	ok(fd != -1, "found again after a crash");
	unlinkat(fd, "mail", 0);
	close(fd);
	is_int(home_drop(&h), 0, "removed");
	is_int(home_drop(&h), 0, "removing it again does nothing");
	ok(home_retire(&h) == -1 && errno == ENOENT, "nothing is left to move");
	accounts();
	close(mail);
	tmpdir_remove();
	return done_testing();
}
