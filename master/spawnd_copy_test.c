/*
 * spawnd_copy_test - the whole spawnd: backups and restores of a mailbox.
 */
#include "config.h"
#include "master/spawnd_peers.h"
#include "tap.h"

/* Pieces of an archive; what of it was put is in the answer. */
static int
copy(enum msg_type type, struct copy_cursor cursor, struct span data)
{
	struct msg_restore m = { cursor, data.len == 0, data };
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	wire_put_u32(&b, 5);
	if (type == MSG_SPAWN_BACKUP)
		msg_backup_put(&b, &cursor);
	else
		msg_restore_put(&b, &m);
	r = ask(admind, type, &b, -1);
	buf_clear(&b);
	return r == MSG_SPAWN_COPIED ? copied.how : -r;
}

static void
copies(void)
{
	static const struct copy_cursor begin;
	struct copy_cursor one, two;
	struct buf archive;

	buf_init(&archive, 1 << 20);
	put_message(71);
	put_message(72);
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), COPIED_OVER,
	    "a backup of two messages is one piece");
	is_int((int)copied.messages, 2, "it has two");
	is_int((int)piece.len, 4 * 512 + 2 * 512, "in six blocks");
	buf_put_span(&archive, buf_span(&piece));
	box.state = BOX_CREATING;
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), -MSG_FAIL,
	    "not of a mailbox that is being created");
	box.state = BOX_DISABLED;
	is_int(copy(MSG_SPAWN_BACKUP, begin, span_of("")), COPIED_OVER,
	    "of a disabled one");
	box.state = BOX_ACTIVE;
	is_int(purge(5, 0, false), MSG_SPAWN_PURGED, "all of it is deleted");
	is_int(copy(MSG_SPAWN_RESTORE, begin,
	           span_sub(buf_span(&archive), 0, 1500)),
	    COPIED_MORE, "a restore");
	one = copied.cursor;
	is_int((int)one.at, 1500, "says how far it is");
	is_int(copy(MSG_SPAWN_RESTORE, one,
	           span_sub(buf_span(&archive), 1500, 2000)),
	    COPIED_MORE, "the rest");
	two = copied.cursor;
	is_int(copy(MSG_SPAWN_RESTORE, one,
	           span_sub(buf_span(&archive), 1500, 2000)),
	    COPIED_MORE, "the same again");
	ok(copied.cursor.at == two.at && two.at == 3072, "changes nothing");
	is_int(copy(MSG_SPAWN_RESTORE, (struct copy_cursor){ two.session, 7 },
	           span_of("x")),
	    COPIED_LOST, "from elsewhere it does not go on");
	is_int(copy(MSG_SPAWN_RESTORE, (struct copy_cursor){ 1, 3072 },
	           span_of("")),
	    COPIED_LOST, "nor is it another's");
	is_int(copy(MSG_SPAWN_RESTORE, two, span_of("")), COPIED_OVER, "done");
	is_int((int)copied.messages, 2, "with two messages");
	is_int(copy(MSG_SPAWN_RESTORE, two, span_of("")), COPIED_OVER,
	    "the last answer, again");
	is_int(copy(MSG_SPAWN_RESTORE, begin, buf_span(&archive)), COPIED_MORE,
	    "once more");
	one = copied.cursor;
	say_revoked(5);
	is_int(copy(MSG_SPAWN_RESTORE, one, span_of("")), COPIED_LOST,
	    "a worker that is killed takes it with it");
	is_int(copy(MSG_SPAWN_RESTORE, begin, buf_span(&archive)), COPIED_MORE,
	    "anew");
	is_int(copy(MSG_SPAWN_RESTORE, copied.cursor, span_of("")), COPIED_OVER,
	    "it is done");
	is_int((int)(copied.messages * 10 + copied.already), 2,
	    "all was there");
	is_int(copy(MSG_SPAWN_RESTORE, begin, span_of("")), COPIED_BAD,
	    "nothing is no archive");
	purge(5, 0, false);
	buf_clear(&archive);
}

int
main(int argc, char *argv[])
{
	(void)argc;
	peers_start(argv[0]);
	is_int(ask_number(admind, MSG_SPAWN_HOME, 5), MSG_SPAWN_OK,
	    "a mailbox has a home");
	is_int(purge(5, 0, true), MSG_SPAWN_PURGED, "and its folders");
	copies();
	ok(peers_stop(), "it stops when told to");
	return done_testing();
}
