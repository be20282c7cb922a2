# queue
noinst_LIBRARIES += queue/libqueue.a
queue_libqueue_a_SOURCES = \
	queue/disk.c queue/disk.h \
	queue/record.c queue/record.h \
	queue/qlog.c queue/qlog.h \
	queue/qlog_scan.c queue/qlog_scan.h \
	queue/qmsg.c queue/qmsg.h \
	queue/deferred.c queue/deferred_text.c queue/deferred.h \
	queue/idtab.c queue/idtab.h \
	queue/waiting.c queue/waiting.h \
	queue/body.c queue/body.h \
	queue/spool.c queue/spool_read.c queue/spool_act.c queue/spool.h \
	queue/spool_start.c queue/spool_start.h

role_PROGRAMS += queue/semail-queued queue/semail-queue
queue_semail_queued_SOURCES = \
	queue/queued.c queue/queued.h \
	queue/intake.c queue/expand.c queue/sched.c queue/deliver.c \
	queue/children.c \
	queue/list.c
queue_semail_queued_LDADD = queue/libqueue.a $(common_libs)
queue_semail_queue_SOURCES = queue/queue_cmd.c
queue_semail_queue_LDADD = $(common_libs)

queue_test_libs = queue/libqueue.a $(common_libs)
unit_tests += queue/spool_test
queue_spool_test_SOURCES = queue/spool_test.c queue/test_queue.h t/tap.h
queue_spool_test_LDADD = $(queue_test_libs)

# The whole semail-queued.
queued_peers = queue/queued_peers.c queue/queued_peers.h $(test_daemon)
unit_tests += queue/queued_test
queue_queued_test_SOURCES = queue/queued_test.c $(queued_peers)
queue_queued_test_LDADD = $(common_libs)
unit_tests += queue/queued_body_test
queue_queued_body_test_SOURCES = queue/queued_body_test.c $(queued_peers)
queue_queued_body_test_LDADD = $(common_libs)
unit_tests += queue/queued_children_test
queue_queued_children_test_SOURCES = queue/queued_children_test.c \
	$(queued_peers)
queue_queued_children_test_LDADD = $(common_libs)
unit_tests += queue/queued_limits_test
queue_queued_limits_test_SOURCES = queue/queued_limits_test.c $(queued_peers)
queue_queued_limits_test_LDADD = $(common_libs)

unit_tests += queue/power_test
queue_power_test_SOURCES = queue/power_test.c queue/test_queue.h \
	queue/recorder.c queue/recorder.h t/tap.h t/tmpdir.h
queue_power_test_LDADD = $(queue_test_libs)

unit_tests += queue/fault_test
queue_fault_test_SOURCES = queue/fault_test.c queue/test_queue.h \
	queue/recorder.c queue/recorder.h t/tap.h t/tmpdir.h
queue_fault_test_LDADD = $(queue_test_libs)

unit_tests += queue/record_test
queue_record_test_SOURCES = queue/record_test.c t/tap.h
queue_record_test_LDADD = $(queue_test_libs)

unit_tests += queue/deferred_test
queue_deferred_test_SOURCES = queue/deferred_test.c t/tap.h
queue_deferred_test_LDADD = $(queue_test_libs)

fuzz_targets += queue/record_fuzz queue/qmsg_fuzz queue/deferred_fuzz
queue_record_fuzz_SOURCES = queue/record_fuzz.c $(fuzz_main)
queue_record_fuzz_LDFLAGS = $(fuzz_ldflags)
queue_record_fuzz_LDADD = $(queue_test_libs)
queue_qmsg_fuzz_SOURCES = queue/qmsg_fuzz.c $(fuzz_main)
queue_qmsg_fuzz_LDFLAGS = $(fuzz_ldflags)
queue_qmsg_fuzz_LDADD = $(queue_test_libs)
queue_deferred_fuzz_SOURCES = queue/deferred_fuzz.c $(fuzz_main)
queue_deferred_fuzz_LDFLAGS = $(fuzz_ldflags)
queue_deferred_fuzz_LDADD = $(queue_test_libs)
