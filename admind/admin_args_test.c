#include "config.h"
#include "admind/admin.h"
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

#define ARGS 40

/* Split at single blanks; a word "_" is empty. */
static int
split(char *line, char *argv[ARGS])
{
	int argc = 0;

	for (char *p = line; p != NULL && argc < ARGS;) {
		char *end = strchr(p, ' ');

		if (end != NULL)
			*end++ = '\0';
		argv[argc++] = strcmp(p, "_") == 0 ? p + 1 : p;
		p = end;
	}
	return argc;
}

static const struct {
	const char *line; /* the word, then its arguments */
	const char *in;   /* standard input */
	const char *want; /* the request, or "" when it is refused */
} rows[] = {
	{ "newdom x.test", "", "NEWDOM|||x.test|x.test" },
	{ "newdom --domain x.test", "", "NEWDOM|||x.test|x.test" },
	{ "newdom --domain y.test x.test", "", "" },
	{ "newdom", "", "" },
	{ "newdom a.test b.test", "", "" },
	{ "newdom -x.test", "", "NEWDOM|||-x.test|-x.test" },
	{ "newdom -- --x.test", "", "NEWDOM|||--x.test|--x.test" },
	{ "newbal bob@x.test --password - --quota 5", "pw\n",
	    "NEWBAL|||x.test|bob|pw||5|||||||||" },
	{ "newbal bob@x.test --password=- --comment=Bob --forward a@b,c@d",
	    "pw", "NEWBAL|||x.test|bob|pw|Bob|||a@b,c@d|||||||" },
	{ "newbal bob --domain x.test --password -", "p w\r\n",
	    "NEWBAL|||x.test|bob|p w|||||||||||" },
	{ "newbal a@b@x.test --password -", "pw\n",
	    "NEWBAL|||x.test|a@b|pw|||||||||||" },
	{ "newbal bob@x.test --password - --sms-password -", "one\ntwo\n",
	    "NEWBAL|||x.test|bob|one|||||||||two||" },
	{ "newbal bob@x.test --sms-password - --password -", "one\ntwo\n",
	    "NEWBAL|||x.test|bob|two|||||||||one||" },
	{ "newbal bob@x.test --password - --sms-password -", "one\n", "" },
	{ "newbal bob@x.test --password -", "one\ntwo\n", "" },
	{ "newbal bob@x.test --password -", "", "" },
	{ "newbal bob@x.test --password -", "\n",
	    "NEWBAL|||x.test|bob||||||||||||" },
	{ "newbal bob@x.test --password secret", "", "" },
	{ "newbal bob@x.test", "pw\n", "" },
	{ "newbal bob --password -", "pw\n", "" },
	{ "newbal @x.test --password -", "pw\n", "" },
	{ "newbal bob@ --password -", "pw\n", "" },
	{ "newbal bob@x.test --password - --password -", "pw\npw\n", "" },
	{ "newbal bob@x.test --password - --foo 1", "pw\n", "" },
	{ "newbal bob@x.test --password - --quota", "pw\n", "" },
	{ "setbal bob@x.test --quota 7 --forward _", "",
	    "SETBAL|||x.test|bob|quota=7|forward=" },
	{ "newalias staff --list a@x,b@y --domain x.test", "",
	    "NEWALIAS|||x.test|staff|a@x,b@y" },
	{ "newalias staff a@x,b@y", "", "NEWALIAS||||staff|a@x,b@y" },
	{ "newalias staff", "", "" },
	{ "newvirt sales@x.test bob@y.test", "",
	    "NEWVIRT||||sales|x.test|bob|y.test" },
	{ "newvirt @x.test staff", "", "NEWVIRT|||||x.test|staff|" },
	{ "newvirt sales staff --domain x.test", "",
	    "NEWVIRT|||x.test|sales||staff|" },
	{ "newvirt --virtual sales --virtual-domain x.test --real bob@y.test",
	    "", "NEWVIRT||||sales|x.test|bob|y.test" },
	{ "newvirt sales@x.test", "", "" },
	{ "modvirt sales@x.test --real bob@y.test --comment c", "",
	    "MODVIRT||||sales|x.test|real=bob|real-domain=y.test|comment=c" },
	{ "delvirt @x.test", "", "DELVIRT|||||x.test" },
	{ "deldom x.test --force", "", "DELDOM|||x.test|x.test|force=yes" },
	{ "deldom --force no x.test", "", "DELDOM|||x.test|x.test|force=no" },
	{ "deldom --force=no x.test", "", "DELDOM|||x.test|x.test|force=no" },
	{ "deldom --force x.test", "", "DELDOM|||x.test|x.test|force=yes" },
	{ "moddom x.test --quota 5 --comment a|b", "",
	    "MODDOM|||x.test|x.test|quota=5|comment=a\\pb" },
	{ "newuser --client toto --name Toto", "",
	    "NEWUSER||||toto|name=Toto" },
	{ "newapp bob@x.test phone", "", "NEWAPP|||x.test|bob|phone" },
	{ "newapp bob@x.test phone --services imap", "",
	    "NEWAPP|||x.test|bob|phone|services=imap" },
	{ "listbal", "", "LISTBAL|||" },
	{ "listbal --domain x.test --match b", "", "LISTBAL|||x.test|match=b" },
	{ "listbal --login toto --login-password -", "s|w\n",
	    "LISTBAL|toto|s\\pw|" },
	{ "listbal --login toto", "pw\n", "" },
	{ "listbal --login-password -", "pw\n", "" },
	{ "passwd bob@x.test --login bob@x.test --login-password - --password -",
	    "old\nnew\n", "PASSWD|bob@x.test|old|x.test|bob|new" },
	{ "modclient toto --password -", "\n", "MODCLIENT||||toto|password=" },
};

static void
stdin_is(const char *text)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	if (fd == -1 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(fd, 0, SEEK_SET) == -1 || dup2(fd, 0) == -1)
		exit(1);
	if (fd != 0)
		close(fd);
}

static void
test_row(size_t i)
{
	struct admin_command cmd;
	char line[256], why[WHY_MAX] = "", *argv[ARGS];
	struct buf b;
	int argc, r;

	snprintf(line, sizeof(line), "%s", rows[i].line);
	argc = split(line, argv);
	buf_init(&b, REQUEST_MAX);
	stdin_is(rows[i].in);
	r = admin_parse(&cmd, admin_find(argv[0]), argc - 1, argv + 1, why);
	if (r == 0)
		r = admin_secrets(&cmd, why);
	if (r == 0)
		admin_request(&cmd, NULL, &b);
	buf_putc(&b, '\0');
	is_str((char *)b.data, rows[i].want, "%s", rows[i].line);
	ok(r == 0 || (why[0] != '\0' && strstr(why, "secret ") == NULL),
	    "%s: %s", rows[i].line, why);
	admin_clear(&cmd);
	buf_clear(&b);
}

/* Whatever the table holds can be typed: all of a message's fields, as slots
 * or as options, come back from message_take() as they were. */
static void
test_message(const struct message *m, bool options)
{
	static char words[ARGS][64], input[2048], want[MESSAGE_FIELDS][64];
	char *argv[2 * ARGS], comment[200] = "", why[WHY_MAX] = "";
	struct slot slots[MESSAGE_FIELDS];
	unsigned n = admin_slots(m, slots), argc = 0;
	struct message_args args;
	struct admin_command cmd;
	struct fields f;
	struct buf b;
	bool same = true;
	int r;

	input[0] = '\0';
	for (unsigned i = 0; i < message_nfields(m); i++)
		snprintf(want[i], sizeof(want[i]), "%s",
		    m->fields[i].flags & FIELD_NUMBER      ? "12"
		        : m->fields[i].flags & FIELD_YESNO ? "no"
		                                           : "va");
	for (unsigned i = 0; i < n; i++) {
		if (slots[i].kind == SLOT_ADDRESS || slots[i].kind == SLOT_PAIR)
			snprintf(words[argc], 64, "%s@d.test",
			    want[slots[i].field]);
		else
			snprintf(words[argc], 64, "%s", want[slots[i].field]);
		if (slots[i].kind == SLOT_PAIR)
			snprintf(want[slots[i].field + 1], 64, "d.test");
		argv[argc] = words[argc];
		argc++;
	}
	for (unsigned i = 0; options && i < message_nfields(m); i++) {
		bool taken = false;

		for (unsigned k = 0; k < n; k++)
			taken = taken || slots[k].field == i ||
			    (slots[k].kind == SLOT_PAIR &&
			        slots[k].field + 1 == i);
		if (taken)
			continue;
		snprintf(words[argc], 64, "--%s=%s", m->fields[i].option,
		    m->fields[i].flags & FIELD_SECRET ? "-" : want[i]);
		argv[argc] = words[argc];
		argc++;
		if (m->fields[i].flags & FIELD_SECRET)
			strncat(input, "va\n",
			    sizeof(input) - strlen(input) - 1);
	}
	stdin_is(input);
	fields_init(&f);
	buf_init(&b, REQUEST_MAX);
	r = admin_parse(&cmd, m, (int)argc, argv, why);
	if (options) {
		is_int(r, 0, "%s with all its options %s", m->type, why);
		is_int(admin_secrets(&cmd, why), 0, "%s: secrets", m->type);
		admin_request(&cmd, NULL, &b);
		is_int(fields_parse(&f, buf_span(&b)), 0, "%s: fields",
		    m->type);
		is_int(message_take(m, &f, &args, comment, sizeof(comment)), 0,
		    "%s is a request %s", m->type, comment);
		for (unsigned i = 0; i < message_nfields(m); i++)
			same = same && span_is(args.value[i], want[i]);
		ok(same, "%s: all values", m->type);
	}
	admin_clear(&cmd);
	fields_clear(&f);
	buf_clear(&b);
}

/* No option of the table hides one of every command. */
static void
test_names(const struct message *m)
{
	static const char *const common[] = { "json", "help", "domain", "login",
		"login-password", "login-password-file" };
	bool good = strlen(m->type) <= 12;

	for (unsigned i = 0; i < message_nfields(m); i++) {
		const char *option = m->fields[i].option;

		for (size_t k = 0; k < nitems(common); k++)
			good = good && strcmp(option, common[k]) != 0;
		good = good &&
		    (strlen(option) < 5 ||
		        strcmp(option + strlen(option) - 5, "-file") != 0);
	}
	ok(good, "%s: names", m->type);
}

int
main(void)
{
	for (size_t i = 0; i < nitems(rows); i++)
		test_row(i);
	for (unsigned i = 0; i < nmessages; i++) {
		test_message(&messages[i], true);
		test_message(&messages[i], false);
		test_names(&messages[i]);
	}
	ok(admin_find("NewBal") == admin_find("newbal") &&
	        admin_find("newbal") != NULL,
	    "in any letters");
	ok(admin_find("newfoo") == NULL, "no such command");
	return done_testing();
}
