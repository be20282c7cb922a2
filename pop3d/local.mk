role_PROGRAMS += pop3d/semail-pop3d
pop3d_semail_pop3d_SOURCES = pop3d/pop3d.c pop3d/pop3d.h \
	pop3d/session.c pop3d/login.c pop3d/relay.c \
	pop3d/proto.c pop3d/proto.h
pop3d_semail_pop3d_LDADD = $(common_libs) $(SSL_LIBS)

unit_tests += pop3d/proto_test
pop3d_proto_test_SOURCES = pop3d/proto_test.c pop3d/proto.c pop3d/proto.h \
	t/tap.h
pop3d_proto_test_LDADD = $(common)

fuzz_targets += pop3d/proto_fuzz
pop3d_proto_fuzz_SOURCES = pop3d/proto_fuzz.c pop3d/proto.c pop3d/proto.h \
	$(fuzz_main)
pop3d_proto_fuzz_LDFLAGS = $(fuzz_ldflags)
pop3d_proto_fuzz_LDADD = $(common)
EXTRA_DIST += t/data/fuzz/proto

# Runs semail-pop3d from its own folder.
unit_tests += pop3d/pop3d_test
pop3d_pop3d_test_SOURCES = pop3d/pop3d_test.c $(test_daemon)
pop3d_pop3d_test_LDADD = $(common_libs)
pop3d_pop3d_test_DEPENDENCIES = $(common) pop3d/semail-pop3d
