noinst_LIBRARIES += libstore/libstore.a
libstore_libstore_a_SOURCES = libstore/store.c libstore/store.h \
	libstore/sys.c libstore/sys.h libstore/maildir.c libstore/maildir.h \
	libstore/maildir_name.c libstore/maildir_list.c \
	libstore/maildir_deliver.c libstore/idset.c \
	libstore/usage.c libstore/usage.h libstore/purge.c libstore/purge.h \
	libstore/walk.c libstore/walk.h libstore/nameset.c libstore/nameset.h \
	libstore/tar.c libstore/tar.h libstore/untar.c libstore/untar.h \
	libstore/backup.c libstore/backup.h \
	libstore/restore.c libstore/restore.h libstore/restore_place.c
store_libs = libstore/libstore.a $(common_libs)

unit_tests += libstore/maildir_test
libstore_maildir_test_SOURCES = libstore/maildir_test.c t/tap.h t/tmpdir.h
libstore_maildir_test_LDADD = $(store_libs)
unit_tests += libstore/deliver_test
libstore_deliver_test_SOURCES = libstore/deliver_test.c t/tap.h t/tmpdir.h
libstore_deliver_test_LDADD = $(store_libs)
unit_tests += libstore/purge_test
libstore_purge_test_SOURCES = libstore/purge_test.c t/tap.h t/tmpdir.h
libstore_purge_test_LDADD = $(store_libs)
unit_tests += libstore/usage_test
libstore_usage_test_SOURCES = libstore/usage_test.c t/tap.h t/tmpdir.h
libstore_usage_test_LDADD = $(store_libs)
fuzz_targets += libstore/maildirsize_fuzz
libstore_maildirsize_fuzz_SOURCES = libstore/maildirsize_fuzz.c $(fuzz_main)
libstore_maildirsize_fuzz_LDFLAGS = $(fuzz_ldflags)
libstore_maildirsize_fuzz_LDADD = $(store_libs)
EXTRA_DIST += t/data/fuzz/maildirsize

unit_tests += libstore/nameset_test
libstore_nameset_test_SOURCES = libstore/nameset_test.c t/tap.h
libstore_nameset_test_LDADD = $(store_libs)
unit_tests += libstore/tar_test
libstore_tar_test_SOURCES = libstore/tar_test.c t/tap.h
libstore_tar_test_LDADD = $(store_libs)
fuzz_targets += libstore/untar_fuzz
libstore_untar_fuzz_SOURCES = libstore/untar_fuzz.c $(fuzz_main)
libstore_untar_fuzz_LDFLAGS = $(fuzz_ldflags)
libstore_untar_fuzz_LDADD = $(store_libs)
EXTRA_DIST += t/data/fuzz/untar
unit_tests += libstore/backup_test
libstore_backup_test_SOURCES = libstore/backup_test.c t/tap.h t/tmpdir.h
libstore_backup_test_LDADD = $(store_libs)
unit_tests += libstore/restore_test
libstore_restore_test_SOURCES = libstore/restore_test.c t/tap.h t/tmpdir.h
libstore_restore_test_LDADD = $(store_libs)
