EXTRA_DIST += t/tap.h t/lib.sh t/fuzz_replay.c t/fuzz_some.sh
EXTRA_DIST += t/tmpdir.h t/data/one-message.txt
EXTRA_DIST += t/galera.sh t/slapd.sh t/dns_liar.pl
EXTRA_DIST += t/system.py t/directory.py t/requests.py

# kill -9 at a chosen system call, for t/0311-directory-kill.t
noinst_PROGRAMS += t/cut
t_cut_SOURCES = t/cut.c
t_cut_LDADD =
