# What is neither mailbox nor user: domains, aliases, virtual users, clients,
# companies, administrators, servers; the text files.  Included by local.mk.
name_parts = admind/names.c admind/names.h admind/maillist.c admind/maillist.h

unit_tests += admind/names_test
admind_names_test_SOURCES = admind/names_test.c $(name_parts) t/tap.h
admind_names_test_LDADD = $(common_libs)
fuzz_targets += admind/maillist_fuzz
admind_maillist_fuzz_SOURCES = admind/maillist_fuzz.c $(name_parts) \
	$(fuzz_main)
admind_maillist_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_maillist_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/maillist
