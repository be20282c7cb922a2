smtpd_engine = smtpd/session.c smtpd/session.h smtpd/cmd.c smtpd/auth.c \
	smtpd/body.c smtpd/data.c smtpd/data.h smtpd/message.c smtpd/message.h
role_PROGRAMS += smtpd/semail-smtpd
smtpd_semail_smtpd_SOURCES = $(smtpd_engine) smtpd/main.c smtpd/smtpd.h \
	smtpd/client.c smtpd/spool.c
smtpd_semail_smtpd_LDADD = $(common_libs) $(SSL_LIBS)

unit_tests += smtpd/data_test smtpd/session_test
smtpd_data_test_SOURCES = smtpd/data_test.c smtpd/data.c t/tap.h
smtpd_data_test_LDADD = $(common_libs)
smtpd_session_test_SOURCES = smtpd/session_test.c smtpd/session_fake.c \
	smtpd/session_fake.h $(smtpd_engine) t/tap.h
smtpd_session_test_LDADD = $(common_libs)
fuzz_targets += smtpd/session_fuzz
smtpd_session_fuzz_SOURCES = smtpd/session_fuzz.c smtpd/session_fake.c \
	smtpd/session_fake.h $(smtpd_engine) $(fuzz_main)
smtpd_session_fuzz_LDFLAGS = $(fuzz_ldflags)
smtpd_session_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/session t/Smtp.pm t/0200-smtpd-dialogue.t \
	t/0210-smtpd-smuggling.t t/0220-smtpd-submission.t \
	t/0230-smtpd-bodies.t t/0240-smtpd-peers.t
