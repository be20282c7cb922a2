smtpd_engine = smtpd/session.c smtpd/session.h smtpd/cmd.c smtpd/auth.c \
	smtpd/body.c smtpd/data.c smtpd/data.h smtpd/message.c smtpd/message.h
role_PROGRAMS += smtpd/semail-smtpd
smtpd_semail_smtpd_SOURCES = $(smtpd_engine) smtpd/main.c smtpd/smtpd.h \
	smtpd/client.c smtpd/spool.c smtpd/limit.c smtpd/limit.h
smtpd_semail_smtpd_LDADD = $(common_libs) $(SSL_LIBS)
