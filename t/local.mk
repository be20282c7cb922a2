EXTRA_DIST += t/tap.h t/lib.sh t/fuzz_replay.c
EXTRA_DIST += t/tmpdir.h t/data/one-message.txt
EXTRA_DIST += t/galera.sh
