role_PROGRAMS += master/semail-spawnd
master_semail_spawnd_SOURCES = master/spawnd.c master/spawnd.h \
	master/spawnd_home.c master/spawnd_exec.c master/spawnd_worker.c \
	master/spawnd_worker.h master/spawnd_revoke.c \
	master/spawnd_hook.c master/hook_runner.c master/hook_runner.h \
	master/spawnd_work.c
master_semail_spawnd_LDADD = $(common_libs)

unit_tests += master/spawnd_home_test
master_spawnd_home_test_SOURCES = master/spawnd_home_test.c \
	master/spawnd_home.c t/tap.h t/tmpdir.h
master_spawnd_home_test_LDADD = $(common_libs)
# The whole semail-spawnd, with semail-box-worker.
spawnd_peers = master/spawnd_peers.c master/spawnd_peers.h $(test_daemon)
unit_tests += master/spawnd_test
master_spawnd_test_SOURCES = master/spawnd_test.c $(spawnd_peers)
master_spawnd_test_LDADD = $(common_libs)
unit_tests += master/spawnd_session_test
master_spawnd_session_test_SOURCES = master/spawnd_session_test.c $(spawnd_peers)
master_spawnd_session_test_LDADD = $(common_libs)
unit_tests += master/spawnd_work_test
master_spawnd_work_test_SOURCES = master/spawnd_work_test.c $(spawnd_peers)
master_spawnd_work_test_LDADD = $(common_libs)
unit_tests += master/spawnd_copy_test
master_spawnd_copy_test_SOURCES = master/spawnd_copy_test.c $(spawnd_peers)
master_spawnd_copy_test_LDADD = $(common_libs)
unit_tests += master/spawnd_hook_test
master_spawnd_hook_test_SOURCES = master/spawnd_hook_test.c $(spawnd_peers)
master_spawnd_hook_test_LDADD = $(common_libs)
unit_tests += master/hook_runner_test
master_hook_runner_test_SOURCES = master/hook_runner_test.c \
	master/hook_runner.c master/hook_runner.h t/tap.h t/tmpdir.h
master_hook_runner_test_LDADD = $(common_libs)
