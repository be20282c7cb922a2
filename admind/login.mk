# How authd checks passwords; included by local.mk.  Reading a verifier is for
# admind too; checking a password against it needs OpenSSL and libcrypt.
scheme_parts = admind/scheme.c admind/scheme.h
verify_parts = $(scheme_parts) admind/scheme_verify.c
verify_libs = $(SSL_LIBS) $(CRYPT_LIBS)
passcache_parts = admind/passcache.c admind/passcache.h
# What the store needs of it, for authd_parts.
store_login_parts = admind/store_ldap.c admind/rehash.c admind/rehash.h
better_parts = admind/better.c $(scheme_parts)
login_parts = admind/authd_login.c $(verify_parts) $(passcache_parts) \
	admind/hasher.c admind/hasher.h admind/nursery.c admind/nursery.h \
	admind/binder.c admind/binder.h admind/binder_child.c \
	admind/binder_ldap.c admind/binder_ldap.h \
	admind/binder_conf.c admind/connector.c admind/resolver.c $(resolver_parts)
resolver_parts = admind/resolver_msg.c admind/resolver.h
login_libs = $(verify_libs) $(LDAP_LIBS) $(CARES_LIBS)

fuzz_targets += admind/resolver_fuzz
admind_resolver_fuzz_SOURCES = admind/resolver_fuzz.c $(resolver_parts) \
	$(fuzz_main)
admind_resolver_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_resolver_fuzz_LDADD = $(common_libs)
EXTRA_DIST += t/data/fuzz/resolver

unit_tests += admind/scheme_test
admind_scheme_test_SOURCES = admind/scheme_test.c $(verify_parts) t/tap.h
admind_scheme_test_LDADD = $(common_libs) $(verify_libs)
fuzz_targets += admind/scheme_fuzz
admind_scheme_fuzz_SOURCES = admind/scheme_fuzz.c $(verify_parts) $(fuzz_main)
admind_scheme_fuzz_LDFLAGS = $(fuzz_ldflags)
admind_scheme_fuzz_LDADD = $(common_libs) $(verify_libs)
EXTRA_DIST += t/data/fuzz/scheme

unit_tests += admind/passcache_test
admind_passcache_test_SOURCES = admind/passcache_test.c $(passcache_parts) \
	t/tap.h
admind_passcache_test_LDADD = $(common_libs)

unit_tests += admind/store_login_test
admind_store_login_test_SOURCES = admind/store_login_test.c $(authd_parts) \
	t/tap.h t/tmpdir.h
admind_store_login_test_LDADD = $(common_libs) $(LMDB_LIBS)
