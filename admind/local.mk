# admind, authd and the command behind "semail admin".
authd_parts = admind/store.c admind/store.h admind/resolve.c \
	admind/usage.c admind/authd.h admind/hasher.c admind/hasher.h \
	admind/ticket.c admind/ticket.h admind/slow.c admind/slow.h

role_PROGRAMS += admind/semail-authd
admind_semail_authd_SOURCES = admind/authd.c admind/authd_login.c \
	admind/authd_feed.c $(authd_parts)
admind_semail_authd_LDADD = $(common_libs) $(LMDB_LIBS)

unit_tests += admind/store_test
admind_store_test_SOURCES = admind/store_test.c $(authd_parts) t/tap.h
admind_store_test_LDADD = $(common_libs) $(LMDB_LIBS)
