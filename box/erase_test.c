#include "config.h"
#include "box/box.h"
#include "tap.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
main(void)
{
	char path[4096];
	struct stat st;
	int top, home, at, n;

	umask(077);
	tmpdir_make();
	top = open(tmpdir_path, O_RDONLY | O_DIRECTORY);
	mkdirat(top, "home", 0700);
	mkdirat(top, "other", 0700);
	close(openat(top, "other/mail", O_WRONLY | O_CREAT, 0600));
	home = openat(top, "home", O_PATH);
	is_int(erase_all(home), 0, "an empty home");
	snprintf(path, sizeof(path), "%s/other", tmpdir_path);
	if (symlinkat(path, home, "link") == -1 ||
	    symlinkat("/", home, "root") == -1)
		return 1;
	mkfifoat(home, "fifo", 0600);
	mkdirat(home, "Maildir", 0700);
	mkdirat(home, "Maildir/new", 0700);
	close(openat(home, "Maildir/new/1", O_WRONLY | O_CREAT, 0600));
	close(openat(home, "erase.0", O_WRONLY | O_CREAT, 0600));
	mkdirat(home, "shut", 0700);
	mkdirat(home, "shut/in", 0700);
	close(openat(home, "shut/in/x", O_WRONLY | O_CREAT, 0600));
	if (fchmodat(home, "shut/in", 0, 0) == -1 ||
	    fchmodat(home, "shut", 0, 0) == -1)
		return 1;
	/* Deeper than any path or number of descriptors. */
	at = openat(home, ".", O_PATH);
	for (n = 0; n < 5000; n++) {
		int next;

		mkdirat(at, "d", 0700);
		if ((next = openat(at, "d", O_PATH)) == -1)
			break;
		close(at);
		at = next;
	}
	close(at);
	is_int(n, 5000, "5000 folders in one another");
	is_int(erase_all(home), 0, "emptied");
	close(home);
	is_int(unlinkat(top, "home", AT_REMOVEDIR), 0, "nothing is left");
	ok(fstatat(top, "other/mail", &st, 0) == 0, "no link was followed");
	close(top);
	tmpdir_remove();
	return done_testing();
}
