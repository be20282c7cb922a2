# Not installed, not part of a running system: see bench/run.
noinst_PROGRAMS += bench/asker bench/idle bench/sink
bench_asker_SOURCES = bench/asker.c
bench_asker_LDADD = $(client_libs) $(common_libs)
bench_idle_SOURCES = bench/idle.c
bench_sink_SOURCES = bench/sink.c
bench_sink_LDADD = $(common_libs)
EXTRA_DIST += bench/directory bench/logins bench/run bench/sync-order bench/RESULTS.md
