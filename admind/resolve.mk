# authd's copy of the directory, and what addresses and login names mean in it;
# included by local.mk.
authd_parts = admind/store.c admind/store_look.c admind/store_index.c \
	admind/store_feed.c admind/store.h admind/store_int.h \
	admind/meaning.c admind/resolve.c admind/resolve.h \
	admind/alias_list.c admind/alias_list.h admind/login_name.c \
	admind/login_name.h admind/nag.c admind/nag.h \
	admind/names.c admind/names.h admind/usage.c admind/authd.h \
	$(store_login_parts) \
	admind/ticket.c admind/ticket.h admind/slow.c admind/slow.h

unit_tests += admind/store_test
admind_store_test_SOURCES = admind/store_test.c admind/test_feed.h \
	$(authd_parts) t/tap.h
admind_store_test_LDADD = $(common_libs) $(LMDB_LIBS)
unit_tests += admind/resolve_test
admind_resolve_test_SOURCES = admind/resolve_test.c admind/test_feed.h \
	$(authd_parts) t/tap.h
admind_resolve_test_LDADD = $(common_libs) $(LMDB_LIBS)
unit_tests += admind/store_model_test
admind_store_model_test_SOURCES = admind/store_model_test.c \
	admind/test_feed.h $(authd_parts) t/tap.h
admind_store_model_test_LDADD = $(common_libs) $(LMDB_LIBS)
unit_tests += admind/login_name_test
admind_login_name_test_SOURCES = admind/login_name_test.c \
	admind/test_feed.h $(authd_parts) t/tap.h
admind_login_name_test_LDADD = $(common_libs) $(LMDB_LIBS)
fuzz_targets += admind/alias_list_fuzz
admind_alias_list_fuzz_SOURCES = admind/alias_list_fuzz.c \
	admind/alias_list.c admind/alias_list.h $(fuzz_main)
admind_alias_list_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_alias_list_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/alias_list
