# Mailboxes and the people who use them; included by local.mk.
settings_parts = admind/settings.c admind/settings.h
dir_box_parts = admind/dir_app.c admind/dir_box.c admind/dir_box_name.c \
	admind/dir_box_new.c admind/dir_box_set.c admind/dir_box_show.c \
	admind/dir_box_todo.c admind/dir_box_copy.c admind/dir_purge.c admind/dir_purge.h admind/dir_box.h \
	admind/dir_box_int.h $(settings_parts)
req_box_parts = admind/req_box.c admind/req_box_app.c \
	admind/req_box_set.c admind/req_box_show.c \
	admind/req_box_work.c admind/req_copy.c admind/req_purge.c admind/req_box.h

# Tests against a database of their own.
dir_test_parts = admind/dir_test.c admind/dir_test.h $(directory_parts) \
	$(key_parts) $(field_parts) admind/code.h t/tap.h
unit_tests += admind/dir_box_test
admind_dir_box_test_SOURCES = admind/dir_box_test.c $(dir_test_parts)
nodist_admind_dir_box_test_SOURCES = admind/migrations.c
admind_dir_box_test_LDADD = $(common_libs) $(MARIADB_LIBS)
unit_tests += admind/dir_box_show_test
admind_dir_box_show_test_SOURCES = admind/dir_box_show_test.c $(dir_test_parts)
nodist_admind_dir_box_show_test_SOURCES = admind/migrations.c
admind_dir_box_show_test_LDADD = $(common_libs) $(MARIADB_LIBS)
unit_tests += admind/dir_app_test
admind_dir_app_test_SOURCES = admind/dir_app_test.c $(dir_test_parts)
nodist_admind_dir_app_test_SOURCES = admind/migrations.c
admind_dir_app_test_LDADD = $(common_libs) $(MARIADB_LIBS)
