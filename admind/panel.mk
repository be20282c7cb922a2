# What has to do with panels: keys, the coded exchange.
key_parts = admind/key.c admind/key.h
exchange_parts = admind/exchange.c admind/exchange.h
# scheme.c comes with better_parts.
who_parts = admind/who.c admind/who.h admind/slow.c admind/slow.h \
	admind/hasher.c admind/hasher.h admind/nursery.c admind/nursery.h \
	admind/scheme_verify.c $(passcache_parts)
panel_parts = admind/panel.c admind/panel.h admind/panel_accept.c \
	admind/panel_key.c admind/req_panel.c $(who_parts) $(key_parts) \
	$(exchange_parts)

unit_tests += admind/key_test
admind_key_test_SOURCES = admind/key_test.c $(key_parts) t/tap.h
admind_key_test_LDADD = $(common_libs)

unit_tests += admind/exchange_test
admind_exchange_test_SOURCES = admind/exchange_test.c $(exchange_parts) t/tap.h
admind_exchange_test_LDADD = $(client_libs) $(common_libs)
fuzz_targets += admind/exchange_fuzz
admind_exchange_fuzz_SOURCES = admind/exchange_fuzz.c $(exchange_parts) \
	$(fuzz_main)
admind_exchange_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_exchange_fuzz_LDADD = $(client_libs) $(common_libs)
EXTRA_DIST += t/data/fuzz/exchange
