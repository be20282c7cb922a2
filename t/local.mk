EXTRA_DIST += t/tap.h t/lib.sh t/fuzz_replay.c
