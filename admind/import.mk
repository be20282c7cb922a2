# "semail admin import" and "semail admin export".
csv_parts = admind/csv.c admind/csv.h
unit_tests += admind/csv_test
admind_csv_test_SOURCES = admind/csv_test.c $(csv_parts) t/tap.h
admind_csv_test_LDADD = $(common_libs)
fuzz_targets += admind/csv_fuzz
admind_csv_fuzz_SOURCES = admind/csv_fuzz.c $(csv_parts) $(fuzz_main)
admind_csv_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_csv_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/csv
