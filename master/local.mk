role_PROGRAMS += master/semaild
master_semaild_SOURCES = master/semaild.c master/master.h master/roles.c \
	master/admin_key.c master/bind.c master/child.c master/reload.c master/ctl.c \
	master/database.c master/hooks.c master/accounts.c master/certs.c
master_semaild_LDADD = $(client_libs) $(common_libs) $(SSL_LIBS)

sbin_PROGRAMS += master/semail
master_semail_SOURCES = master/semail.c
master_semail_LDADD = $(common_libs)
include master/spawnd.mk
