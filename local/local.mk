role_PROGRAMS += local/semail-local
local_semail_local_SOURCES = local/local.c local/local.h local/mailbox.c \
	local/batch.c
local_semail_local_LDADD = $(common_libs)

unit_tests += local/batch_test
local_batch_test_SOURCES = local/batch_test.c local/batch.c local/local.h \
	t/tap.h
local_batch_test_LDADD = $(common_libs)
unit_tests += local/power_test
local_power_test_SOURCES = local/power_test.c local/batch.c local/local.h \
	t/tap.h t/tmpdir.h
local_power_test_LDADD = $(store_libs)
unit_tests += local/local_test
local_local_test_SOURCES = local/local_test.c $(test_daemon)
local_local_test_LDADD = $(common_libs)
