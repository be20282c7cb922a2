role_PROGRAMS += box/semail-box-worker
box_semail_box_worker_SOURCES = box/box.c box/box.h box/erase.c \
	box/deliver.c box/pop3.c box/pop3.h box/pop3_work.c box/pop3_session.c
box_semail_box_worker_LDADD = $(store_libs)

unit_tests += box/pop3_test
box_pop3_test_SOURCES = box/pop3_test.c box/pop3.c box/pop3.h \
	box/pop3_work.c t/tap.h t/tmpdir.h
box_pop3_test_LDADD = $(store_libs)
unit_tests += box/erase_test
box_erase_test_SOURCES = box/erase_test.c box/erase.c t/tap.h t/tmpdir.h
box_erase_test_LDADD = $(common_libs)
fuzz_targets += box/pop3_fuzz
box_pop3_fuzz_SOURCES = box/pop3_fuzz.c box/pop3.c box/pop3.h \
	box/pop3_work.c $(fuzz_main)
box_pop3_fuzz_LDFLAGS = $(fuzz_ldflags)
box_pop3_fuzz_LDADD = $(store_libs)
EXTRA_DIST += t/data/fuzz/pop3
