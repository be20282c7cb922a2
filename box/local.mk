# What becomes of a message; pure but for the files in the home.
box_act = box/act.c box/act.h box/header.c box/header.h box/answered.c \
	box/answered.h box/vacation.c box/vacation.h box/utf8_text.c \
	box/utf8_text.h
role_PROGRAMS += box/semail-box-worker
box_semail_box_worker_SOURCES = box/box.c box/box.h box/erase.c \
	box/deliver.c box/pop3.c box/pop3.h box/pop3_work.c box/pop3_session.c \
	box/forward.c box/forward.h box/homefile.c box/homefile.h \
	box/settings.c box/work.c box/copy.c box/warning.c box/warning.h \
	$(box_act)
box_semail_box_worker_LDADD = $(store_libs)

unit_tests += box/pop3_test
box_pop3_test_SOURCES = box/pop3_test.c box/pop3.c box/pop3.h \
	box/pop3_work.c t/tap.h t/tmpdir.h
box_pop3_test_LDADD = $(store_libs)
unit_tests += box/erase_test
box_erase_test_SOURCES = box/erase_test.c box/erase.c t/tap.h t/tmpdir.h
box_erase_test_LDADD = $(common_libs)
unit_tests += box/forward_test
box_forward_test_SOURCES = box/forward_test.c box/forward.c box/forward.h \
	t/tap.h
box_forward_test_LDADD = $(common_libs)
unit_tests += box/settings_test
box_settings_test_SOURCES = box/settings_test.c box/settings.c box/forward.c \
	box/forward.h box/homefile.c box/homefile.h t/tap.h t/tmpdir.h
box_settings_test_LDADD = $(store_libs)
unit_tests += box/warning_test
box_warning_test_SOURCES = box/warning_test.c box/warning.c box/warning.h \
	box/homefile.c box/homefile.h t/tap.h t/tmpdir.h
box_warning_test_LDADD = $(store_libs)
unit_tests += box/vacation_test
box_vacation_test_SOURCES = box/vacation_test.c box/vacation.c \
	box/vacation.h box/header.c box/header.h box/forward.c box/forward.h \
	box/utf8_text.c box/utf8_text.h t/tap.h
box_vacation_test_LDADD = $(common_libs)
unit_tests += box/act_test
box_act_test_SOURCES = box/act_test.c $(box_act) box/forward.c \
	box/forward.h box/homefile.c box/homefile.h t/tap.h t/tmpdir.h
box_act_test_LDADD = $(store_libs)
fuzz_targets += box/vacation_fuzz
box_vacation_fuzz_SOURCES = box/vacation_fuzz.c box/vacation.c \
	box/vacation.h box/header.c box/header.h box/forward.c box/forward.h \
	box/utf8_text.c box/utf8_text.h $(fuzz_main)
box_vacation_fuzz_LDFLAGS = $(fuzz_ldflags)
box_vacation_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/vacation
unit_tests += box/header_test
box_header_test_SOURCES = box/header_test.c box/header.c box/header.h \
	box/forward.c box/forward.h t/tap.h
box_header_test_LDADD = $(common_libs)
fuzz_targets += box/header_fuzz
box_header_fuzz_SOURCES = box/header_fuzz.c box/header.c box/header.h \
	box/forward.c box/forward.h $(fuzz_main)
box_header_fuzz_LDFLAGS = $(fuzz_ldflags)
box_header_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/header
fuzz_targets += box/forward_fuzz
box_forward_fuzz_SOURCES = box/forward_fuzz.c box/forward.c box/forward.h \
	$(fuzz_main)
box_forward_fuzz_LDFLAGS = $(fuzz_ldflags)
box_forward_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/forward
fuzz_targets += box/pop3_fuzz
box_pop3_fuzz_SOURCES = box/pop3_fuzz.c box/pop3.c box/pop3.h \
	box/pop3_work.c $(fuzz_main)
box_pop3_fuzz_LDFLAGS = $(fuzz_ldflags)
box_pop3_fuzz_LDADD = $(store_libs)
EXTRA_DIST += t/data/fuzz/pop3
