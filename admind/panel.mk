# What has to do with panels: keys, the coded exchange.
key_parts = admind/key.c admind/key.h

unit_tests += admind/key_test
admind_key_test_SOURCES = admind/key_test.c $(key_parts) t/tap.h
admind_key_test_LDADD = $(common_libs)
