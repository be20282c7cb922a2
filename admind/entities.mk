# What is neither mailbox nor user: domains, aliases, virtual users, clients,
# companies, administrators, servers; the text files.  Included by local.mk.
name_parts = admind/names.c admind/names.h admind/maillist.c admind/maillist.h
entity_parts = admind/entity.c admind/entity_list.c admind/entity.h admind/dir_alias.c \
	admind/dir_virtual.c admind/dir_client.c admind/dir_company.c \
	admind/dir_admin.c admind/dir_server.c admind/dir_deldom.c \
	admind/dir_audit.c admind/dir_audit.h \
	admind/dir_stat.c admind/dir_user.c admind/dir_domain.h $(name_parts)
export_parts = admind/export_text.c admind/export_text.h

unit_tests += admind/names_test
admind_names_test_SOURCES = admind/names_test.c $(name_parts) t/tap.h
admind_names_test_LDADD = $(common_libs)
fuzz_targets += admind/maillist_fuzz
admind_maillist_fuzz_SOURCES = admind/maillist_fuzz.c $(name_parts) \
	$(fuzz_main)
admind_maillist_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_maillist_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/maillist

unit_tests += admind/entity_test
admind_entity_test_SOURCES = admind/entity_test.c $(dir_test_parts)
nodist_admind_entity_test_SOURCES = admind/migrations.c
admind_entity_test_LDADD = $(common_libs) $(MARIADB_LIBS)
unit_tests += admind/entity_list_test
admind_entity_list_test_SOURCES = admind/entity_list_test.c $(dir_test_parts)
nodist_admind_entity_list_test_SOURCES = admind/migrations.c
admind_entity_list_test_LDADD = $(common_libs) $(MARIADB_LIBS)

unit_tests += admind/export_text_test
admind_export_text_test_SOURCES = admind/export_text_test.c $(export_parts) \
	$(name_parts) t/tap.h
admind_export_text_test_LDADD = $(common_libs)
