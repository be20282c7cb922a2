# "semail admin import" and "semail admin export".
csv_parts = admind/csv.c admind/csv.h
import_parts = admind/import.h admind/import_usage.c admind/import_row.c \
	admind/import_report.c admind/import_send.c $(csv_parts)
unit_tests += admind/import_test
admind_import_test_SOURCES = admind/import_test.c $(admin_parts) t/tap.h
admind_import_test_LDADD = $(client_libs) $(common_libs)

unit_tests += admind/csv_test
admind_csv_test_SOURCES = admind/csv_test.c $(csv_parts) t/tap.h
admind_csv_test_LDADD = $(common_libs)
fuzz_targets += admind/csv_fuzz
admind_csv_fuzz_SOURCES = admind/csv_fuzz.c $(csv_parts) $(fuzz_main)
admind_csv_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_csv_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/csv
