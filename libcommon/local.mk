noinst_LIBRARIES += libcommon/libcommon.a
libcommon_libcommon_a_SOURCES = \
	libcommon/buf.c libcommon/buf.h \
	libcommon/wire.c libcommon/wire.h \
	libcommon/log.c libcommon/log.h \
	libcommon/io.c libcommon/io.h \
	libcommon/msg.c libcommon/msg.h \
	libcommon/ipc.c libcommon/ipc.h libcommon/ipc_int.h \
	libcommon/ipc_in.c libcommon/ipc_out.c libcommon/ipc_call.c \
	libcommon/handover.c libcommon/handover.h \
	libcommon/conf.c libcommon/conf.h libcommon/conf_int.h \
	libcommon/conf_hand_over.c libcommon/conf_table.c \
	libcommon/conf_value.c libcommon/conf_value.h \
	libcommon/ldapsrc.c libcommon/ldapsrc.h \
	libcommon/endpoint.c libcommon/endpoint.h \
	libcommon/resolv.c libcommon/resolv.h \
	libcommon/netlist.c libcommon/netlist.h \
	libcommon/dns.c libcommon/dns.h \
	libcommon/confine.c libcommon/confine.h \
	libcommon/proc.c libcommon/proc.h \
	libcommon/msg_queue.c libcommon/msg_queue.h \
	libcommon/msg_auth.c libcommon/msg_auth.h \
	libcommon/msg_feed.c libcommon/msg_feed.h \
	libcommon/folder_name.c \
	libcommon/db.c libcommon/db.h libcommon/db_int.h \
	libcommon/db_dial.c libcommon/db_where.c \
	libcommon/sasl.c libcommon/sasl.h \
	libcommon/addr.h \
	libcommon/secret.c libcommon/secret.h \
	libcommon/digest.c libcommon/digest.h \
	libcommon/install_key.c libcommon/install_key.h \
	libcommon/limit.c libcommon/limit.h \
	libcommon/conn.c libcommon/conn.h libcommon/conn_int.h \
	libcommon/conn_io.c \
	libcommon/tls.c libcommon/tls.h libcommon/tls_int.h \
	libcommon/tls_ctx.c libcommon/tls_handed.c \
	libcommon/tlsdom.c libcommon/tlsdom.h

unit_tests += libcommon/ipc_test
libcommon_ipc_test_SOURCES = libcommon/ipc_test.c t/tap.h
libcommon_ipc_test_LDADD = $(common_libs)

unit_tests += libcommon/msg_queue_test
libcommon_msg_queue_test_SOURCES = libcommon/msg_queue_test.c t/cuts.h t/tap.h
libcommon_msg_queue_test_LDADD = $(common_libs)

fuzz_targets += libcommon/msg_queue_fuzz
libcommon_msg_queue_fuzz_SOURCES = libcommon/msg_queue_fuzz.c $(fuzz_main)
libcommon_msg_queue_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_queue_fuzz_LDADD = $(common_libs)
unit_tests += libcommon/sasl_test
libcommon_sasl_test_SOURCES = libcommon/sasl_test.c t/tap.h
libcommon_sasl_test_LDADD = $(common)

fuzz_targets += libcommon/sasl_fuzz
libcommon_sasl_fuzz_SOURCES = libcommon/sasl_fuzz.c $(fuzz_main)
libcommon_sasl_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_sasl_fuzz_LDADD = $(common)
EXTRA_DIST += t/data/fuzz/sasl

unit_tests += libcommon/conn_test
libcommon_conn_test_SOURCES = libcommon/conn_test.c \
	libcommon/conn_test_owner.c libcommon/conn_test.h t/tap.h
libcommon_conn_test_LDADD = $(common_libs) $(SSL_LIBS)

unit_tests += libcommon/conn_tls_test
libcommon_conn_tls_test_SOURCES = libcommon/conn_tls_test.c \
	libcommon/tls_test_cert.c libcommon/tls_test_cert.h \
	libcommon/conn_test_owner.c libcommon/conn_test.h t/tap.h
libcommon_conn_tls_test_LDADD = $(common_libs) $(SSL_LIBS)
libcommon_libcommon_a_SOURCES += libcommon/msg_box.c libcommon/msg_box.h \
	libcommon/box_setup.c libcommon/box_setup.h \
	libcommon/mail_date.c libcommon/mail_date.h \
	libcommon/msg_actions.c libcommon/msg_actions.h
unit_tests += libcommon/box_setup_test
libcommon_box_setup_test_SOURCES = libcommon/box_setup_test.c t/cuts.h t/tap.h
libcommon_box_setup_test_LDADD = $(common_libs)
unit_tests += libcommon/msg_box_test
libcommon_msg_box_test_SOURCES = libcommon/msg_box_test.c t/cuts.h t/tap.h
libcommon_msg_box_test_LDADD = $(common_libs)
fuzz_targets += libcommon/msg_box_fuzz
libcommon_msg_box_fuzz_SOURCES = libcommon/msg_box_fuzz.c $(fuzz_main)
libcommon_msg_box_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_box_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/msg_box
fuzz_targets += libcommon/ipc_fuzz
libcommon_ipc_fuzz_SOURCES = libcommon/ipc_fuzz.c $(fuzz_main)
libcommon_ipc_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_ipc_fuzz_LDADD = $(common_libs)

unit_tests += libcommon/secret_test
libcommon_secret_test_SOURCES = libcommon/secret_test.c t/tap.h
libcommon_secret_test_LDADD = $(common_libs)

unit_tests += libcommon/msg_auth_test
libcommon_msg_auth_test_SOURCES = libcommon/msg_auth_test.c t/tap.h
libcommon_msg_auth_test_LDADD = $(common_libs)

fuzz_targets += libcommon/msg_auth_fuzz
libcommon_msg_auth_fuzz_SOURCES = libcommon/msg_auth_fuzz.c $(fuzz_main)
libcommon_msg_auth_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_auth_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/msg_auth

libcommon_libcommon_a_SOURCES += libcommon/addr.c
unit_tests += libcommon/addr_test
libcommon_addr_test_SOURCES = libcommon/addr_test.c t/tap.h
libcommon_addr_test_LDADD = $(common_libs)
fuzz_targets += libcommon/addr_fuzz
libcommon_addr_fuzz_SOURCES = libcommon/addr_fuzz.c $(fuzz_main)
libcommon_addr_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_addr_fuzz_LDADD = $(common_libs)

unit_tests += libcommon/msg_feed_test
libcommon_msg_feed_test_SOURCES = libcommon/msg_feed_test.c t/tap.h
libcommon_msg_feed_test_LDADD = $(common_libs)
fuzz_targets += libcommon/msg_feed_fuzz
libcommon_msg_feed_fuzz_SOURCES = libcommon/msg_feed_fuzz.c $(fuzz_main)
libcommon_msg_feed_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_feed_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/msg_feed

libcommon_libcommon_a_SOURCES += libcommon/msg_hook.c libcommon/msg_hook.h
unit_tests += libcommon/msg_hook_test
libcommon_msg_hook_test_SOURCES = libcommon/msg_hook_test.c t/tap.h
libcommon_msg_hook_test_LDADD = $(common_libs)
fuzz_targets += libcommon/msg_hook_fuzz
libcommon_msg_hook_fuzz_SOURCES = libcommon/msg_hook_fuzz.c $(fuzz_main)
libcommon_msg_hook_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_hook_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/msg_hook
libcommon_libcommon_a_SOURCES += libcommon/msg_copy.c libcommon/msg_copy.h
unit_tests += libcommon/msg_copy_test
libcommon_msg_copy_test_SOURCES = libcommon/msg_copy_test.c t/cuts.h t/tap.h
libcommon_msg_copy_test_LDADD = $(common_libs)
fuzz_targets += libcommon/msg_copy_fuzz
libcommon_msg_copy_fuzz_SOURCES = libcommon/msg_copy_fuzz.c $(fuzz_main)
libcommon_msg_copy_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_msg_copy_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/msg_copy

unit_tests += libcommon/ldapsrc_test
libcommon_ldapsrc_test_SOURCES = libcommon/ldapsrc_test.c t/tap.h
libcommon_ldapsrc_test_LDADD = $(common_libs)
fuzz_targets += libcommon/ldapsrc_fuzz
libcommon_ldapsrc_fuzz_SOURCES = libcommon/ldapsrc_fuzz.c $(fuzz_main)
libcommon_ldapsrc_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_ldapsrc_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/ldapsrc

unit_tests += libcommon/limit_test
libcommon_limit_test_SOURCES = libcommon/limit_test.c t/tap.h
libcommon_limit_test_LDADD = $(common_libs)

unit_tests += libcommon/netlist_test
libcommon_netlist_test_SOURCES = libcommon/netlist_test.c t/tap.h
libcommon_netlist_test_LDADD = $(common_libs)

unit_tests += libcommon/resolv_test
libcommon_resolv_test_SOURCES = libcommon/resolv_test.c t/tap.h
libcommon_resolv_test_LDADD = $(common_libs)
fuzz_targets += libcommon/resolv_fuzz
libcommon_resolv_fuzz_SOURCES = libcommon/resolv_fuzz.c $(fuzz_main)
libcommon_resolv_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_resolv_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/resolv

unit_tests += libcommon/dns_test
libcommon_dns_test_SOURCES = libcommon/dns_test.c t/tap.h
libcommon_dns_test_LDADD = $(common_libs) $(CARES_LIBS)
fuzz_targets += libcommon/dns_fuzz
libcommon_dns_fuzz_SOURCES = libcommon/dns_fuzz.c $(fuzz_main)
libcommon_dns_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_dns_fuzz_LDADD = $(common_libs) $(CARES_LIBS)
EXTRA_DIST += t/data/fuzz/dns

libcommon_libcommon_a_SOURCES += libcommon/accounts.c libcommon/accounts.h
unit_tests += libcommon/accounts_test
libcommon_accounts_test_SOURCES = libcommon/accounts_test.c t/tap.h
libcommon_accounts_test_LDADD = $(common_libs)

unit_tests += libcommon/tls_sni_test
libcommon_tls_sni_test_SOURCES = libcommon/tls_sni_test.c \
	libcommon/tls_test_cert.c libcommon/tls_test_cert.h t/tap.h
libcommon_tls_sni_test_LDADD = $(common_libs) $(SSL_LIBS)

unit_tests += libcommon/tlsdom_test
libcommon_tlsdom_test_SOURCES = libcommon/tlsdom_test.c t/tap.h
libcommon_tlsdom_test_LDADD = $(common_libs)
fuzz_targets += libcommon/tlsdom_fuzz
libcommon_tlsdom_fuzz_SOURCES = libcommon/tlsdom_fuzz.c $(fuzz_main)
libcommon_tlsdom_fuzz_LDFLAGS = $(fuzz_ldflags)
libcommon_tlsdom_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/tlsdom
