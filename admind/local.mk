# admind, authd and the command behind "semail admin".
include admind/panel.mk
include admind/login.mk
include admind/entities.mk
include admind/resolve.mk
include admind/boxes.mk
include admind/import.mk

field_parts = admind/field.c admind/field.h client/field.c client/field.h
message_parts = admind/message.c admind/message.h admind/code.h
directory_parts = admind/dir.c admind/dir_prune.c admind/dir_snapshot.c \
	admind/dir_hook.c admind/dir_domain.c admind/dir_rows.c \
	admind/dir_int.h admind/directory.h admind/dir_panel.c \
	admind/dir_panel.h admind/rows.c admind/rows.h $(entity_parts) $(dir_box_parts)

role_PROGRAMS += admind/semail-authd
admind_semail_authd_SOURCES = admind/authd.c admind/authd_feed.c \
	admind/authd_box.c \
	$(login_parts) $(authd_parts)
admind_semail_authd_LDADD = $(common_libs) $(LMDB_LIBS) $(login_libs)

role_PROGRAMS += admind/semail-admind
admind_semail_admind_SOURCES = admind/admind.c admind/admind.h \
	$(better_parts) \
	admind/exports.c admind/feeder.c admind/job.c admind/job_password.c \
	admind/job.h \
	admind/hook.c admind/prune.c $(panel_parts) $(export_parts) \
	admind/req_audit.c admind/req_dns.c admind/req_domain.c admind/req_entity.c \
	$(req_box_parts) $(directory_parts) $(message_parts) $(field_parts)
nodist_admind_semail_admind_SOURCES = admind/migrations.c
admind_semail_admind_LDADD = $(client_libs) $(common_libs) \
	$(MARIADB_LIBS) $(verify_libs)

admin_parts = admind/admin.h admind/admin_args.c admind/admin_secret.c \
	admind/admin_text.c admind/admin_show.c admind/admin_help.c \
	admind/admin_dial.c admind/admin_dial.h $(import_parts) \
	$(message_parts) $(field_parts)
role_PROGRAMS += admind/semail-admin
admind_semail_admin_SOURCES = admind/semail-admin.c admind/admin_import.c \
	admind/admin_export.c admind/admin_purge.c admind/admin_copy.c $(admin_parts)
admind_semail_admin_LDADD = $(client_libs) $(common_libs)

# Completion for bash knows the commands from the table.
bashcompdir = $(datadir)/bash-completion/completions
nodist_bashcomp_DATA = contrib/completion/semail
contrib/completion/semail: admind/semail-admin$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib/completion && \
	admind/semail-admin completion >$@.new && mv $@.new $@
CLEANFILES += contrib/completion/semail

unit_tests += admind/admin_args_test
admind_admin_args_test_SOURCES = admind/admin_args_test.c $(admin_parts) t/tap.h
admind_admin_args_test_LDADD = $(client_libs) $(common_libs)
unit_tests += admind/admin_show_test
admind_admin_show_test_SOURCES = admind/admin_show_test.c $(admin_parts) t/tap.h
admind_admin_show_test_LDADD = $(client_libs) $(common_libs)

# The migrations as C strings, in order.
admind/migrations.c: $(schema_sql)
	$(AM_V_GEN)$(MKDIR_P) admind && { \
	echo '#include "config.h"'; \
	echo '#include "admind/directory.h"'; \
	echo 'const char *const dir_migrations[] = {'; \
	for f in $(schema_sql); do \
		$(SED) -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' \
		    $(top_srcdir)/$$f; \
		echo ','; \
	done; \
	echo '};'; \
	echo 'const unsigned dir_nmigrations = nitems(dir_migrations);'; \
	} >$@.new && mv $@.new $@
CLEANFILES += admind/migrations.c

unit_tests += admind/field_test
admind_field_test_SOURCES = admind/field_test.c $(field_parts) t/tap.h
admind_field_test_LDADD = $(common_libs)
fuzz_targets += admind/field_fuzz
admind_field_fuzz_SOURCES = admind/field_fuzz.c $(field_parts) $(fuzz_main)
admind_field_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_field_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/field

unit_tests += admind/rows_test
admind_rows_test_SOURCES = admind/rows_test.c admind/rows.c admind/rows.h \
	$(field_parts) t/tap.h
admind_rows_test_LDADD = $(common_libs)
fuzz_targets += admind/rows_fuzz
admind_rows_fuzz_SOURCES = admind/rows_fuzz.c admind/rows.c admind/rows.h \
	$(field_parts) $(fuzz_main)
admind_rows_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_rows_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/rows

unit_tests += admind/directory_test
admind_directory_test_SOURCES = admind/directory_test.c $(dir_test_parts)
nodist_admind_directory_test_SOURCES = admind/migrations.c
admind_directory_test_LDADD = $(common_libs) $(MARIADB_LIBS)
EXTRA_DIST += doc/directory.md

unit_tests += admind/message_test
admind_message_test_SOURCES = admind/message_test.c $(message_parts) \
	$(field_parts) t/tap.h
admind_message_test_LDADD = $(common_libs)

unit_tests += admind/dir_fault_test
admind_dir_fault_test_SOURCES = admind/dir_fault_test.c admind/dir_proxy.c \
	admind/dir_proxy.h $(dir_test_parts)
nodist_admind_dir_fault_test_SOURCES = admind/migrations.c
admind_dir_fault_test_LDADD = $(common_libs) $(MARIADB_LIBS)

# One writer or reader of several, for t/: not installed.
noinst_PROGRAMS += admind/dir_writers
admind_dir_writers_SOURCES = admind/dir_writers.c $(directory_parts) \
	$(key_parts) $(field_parts) admind/code.h
nodist_admind_dir_writers_SOURCES = admind/migrations.c
admind_dir_writers_LDADD = $(common_libs) $(MARIADB_LIBS)
