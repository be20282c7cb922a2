/*
 * warning_test - when a mailbox's owner is warned, with a real mailbox.
 */
#include "config.h"
#include "box/warning.h"
#include "box/homefile.h"
#include "libcommon/log.h"
#include "libstore/sys.h"
#include "tap.h"
#include "tmpdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define QUOTA (100 * 1024)
#define NOW 1800000000

static int home;
static struct folder *folder;
static struct usage usage;
static struct warning warning;
static uint64_t now_s = NOW;
static struct box_setup setup = {
	.box = { .mailbox = 5, .domain = "x.test", .address = "ann@x.test" },
	.hostname = "mx.test",
	.quota_warning = 90
};

static bool
is_noted(void)
{
	return faccessat(home, WARNED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As if the mailbox held so much; how many messages there are then. */
static unsigned
holds(uint64_t bytes)
{
	struct store_list list;
	unsigned n;

	usage.bytes = bytes;
	usage.known = true;
	warning_look(&warning, home, &setup, folder, &usage, now_s++);
	if (folder_list(folder, &list) == -1)
		abort();
	n = (unsigned)list.n;
	store_list_clear(&list);
	return n;
}

static void
message(void)
{
	static const char top[] =
	    "Return-Path: <>\n"
	    "Delivered-To: ann@x.test\n"
	    "From: Mail system <postmaster@x.test>\nTo: <ann@x.test>\n";
	static char text[4096];
	struct store_list list;
	ssize_t n = -1;
	int fd;

	if (folder_list(folder, &list) == -1 || list.n == 0)
		abort();
	is_int(folder_measure(folder, &list.msgs[0]), 0, "its sizes");
	if ((fd = folder_read(folder, &list.msgs[0])) != -1) {
		n = pread(fd, text, sizeof(text) - 1, 0);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	ok((uint64_t)n == list.msgs[0].bytes, "are right");
	ok(strncmp(text, top, strlen(top)) == 0, "from whom and to whom");
	ok(strstr(text, "\nSubject: Your mailbox is nearly full\n") != NULL,
	    "what about");
	ok(strstr(text, "\nAuto-Submitted: auto-generated\n") != NULL,
	    "nobody answers it");
	ok(strstr(text, " holds 90 KB of the 100 KB it may hold (90 %).\n") !=
	        NULL,
	    "how much");
	ok(strstr(text, "has been below 80 %.\n") != NULL, "until when");
	store_list_clear(&list);
}

static void
once(void)
{
	is_int(holds(0), 0, "an empty mailbox");
	is_int(holds(QUOTA / 100 * 89), 0, "below the level");
	ok(!is_noted(), "nothing noted");
	is_int(holds(QUOTA * 9 / 10), 1, "at the level: warned");
	ok(usage.bytes > QUOTA * 9 / 10, "the message counts");
	ok(is_noted(), "noted");
	message();
	is_int(holds(QUOTA + 5), 1, "full: not again");
	is_int(holds(QUOTA * 85 / 100), 1, "a little below");
	is_int(holds(QUOTA * 95 / 100), 1, "and up: not again");
	warning = (struct warning){ 0 };
	is_int(holds(QUOTA * 95 / 100), 1, "nor by a new worker");
	is_int(holds(QUOTA * 79 / 100), 1, "well below");
	ok(!is_noted(), "forgotten");
	is_int(holds(QUOTA * 95 / 100), 2, "and up: warned again");
}

static void
settings(void)
{
	setup.quota_warning = 0;
	is_int(holds(QUOTA), 2, "no level");
	ok(!is_noted(), "no note");
	is_int(holds(QUOTA), 2, "no warning");
	setup.quota_warning = 90;
	usage.quota = 0;
	is_int(holds(QUOTA), 2, "no quota: no warning");
	usage.quota = QUOTA / 2;
	is_int(holds(QUOTA / 2), 3, "a smaller quota is a reason");
	usage.quota = 10ull * 1024 * 1024 * QUOTA;
	is_int(holds(5), 3, "a large one");
	is_int(holds(UINT64_MAX / 4), 4, "with very much");
	is_int(holds(0), 4, "none");
	usage.known = false;
	warning_look(&warning, home, &setup, folder, &usage, now_s);
	usage.quota = QUOTA;
	setup.quota_warning = 5;
	is_int(holds(QUOTA / 10), 5, "a level below the gap");
	is_int(holds(1), 5, "hardly anything");
	ok(is_noted(), "is no reason to forget");
	is_int(holds(0), 5, "nothing at all");
	ok(!is_noted(), "is one");
	setup.quota_warning = 90;
}

/* Its owner may put anything there. */
static void
hostile(void)
{
	if (symlinkat("/etc/passwd", home, WARNED_FILE) == -1)
		abort();
	warning = (struct warning){ 0 };
	is_int(holds(QUOTA), 5, "a link in place of the note: not warned");
	is_int(holds(0), 5, "an empty mailbox");
	ok(!is_noted(), "takes it away");
	if (mkdirat(home, WARNED_FILE, 0700) == -1)
		abort();
	warning = (struct warning){ 0 };
	is_int(holds(QUOTA), 5, "a folder: not warned");
	is_int(holds(0), 5, "an empty mailbox");
	ok(!is_noted(), "moves it away");
}

int
main(void)
{
	log_init("warning_test");
	if ((home = open(tmpdir_make(), O_RDONLY | O_DIRECTORY)) == -1 ||
	    (folder = maildir_open(home, "mx.test")) == NULL ||
	    usage_open(&usage, home, QUOTA) == -1)
		abort();
	once();
	settings();
	hostile();
	folder_free(&folder);
	close(home);
	tmpdir_remove();
	return done_testing();
}
