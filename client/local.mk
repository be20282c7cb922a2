# The client library: libsemail-admin.a, which needs libsodium and nothing else
# of ours; admind and semaild use its parts, too.
lib_LIBRARIES += client/libsemail-admin.a
client_libsemail_admin_a_SOURCES = client/admin.c client/answer.c \
	client/bytes.c client/coded.c client/coded.h client/dial.c \
	client/field.c client/field.h client/internal.h
# For shared libraries of panels, too.
client_libsemail_admin_a_CFLAGS = $(AM_CFLAGS) -fPIC
semailincludedir = $(includedir)/semail
dist_semailinclude_HEADERS = client/admin.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = client/semail-admin.pc
client_libs = client/libsemail-admin.a

unit_tests += client/coded_test
client_coded_test_SOURCES = client/coded_test.c t/tap.h
client_coded_test_LDADD = $(client_libs) $(SODIUM_LIBS)
EXTRA_DIST += t/data/admin-vectors.txt
