#include "config.h"
#include "admind/binder_ldap.h"

#include <errno.h>
#include <openldap.h>

static int
io_setup(Sockbuf_IO_Desc *d, void *arg)
{
	d->sbiod_pvt = arg;
	return 0;
}

static int
io_none(Sockbuf_IO_Desc *d)
{
	(void)d;
	return 0;
}

static int
io_ctrl(Sockbuf_IO_Desc *d, int opt, void *arg)
{
	struct binder_pipe *p = d->sbiod_pvt;

	(void)arg;
	return opt == LBER_SB_OPT_DATA_READY && p->in.len > 0;
}

static ber_slen_t
io_read(Sockbuf_IO_Desc *d, void *to, ber_len_t n)
{
	struct binder_pipe *p = d->sbiod_pvt;

	if (p->in.len == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (n > p->in.len)
		n = p->in.len;
	memcpy(to, p->in.data, n);
	buf_drop(&p->in, n);
	return (ber_slen_t)n;
}

static ber_slen_t
io_write(Sockbuf_IO_Desc *d, void *from, ber_len_t n)
{
	struct binder_pipe *p = d->sbiod_pvt;

	conn_put(p->conn, from, n);
	return (ber_slen_t)n;
}

static Sockbuf_IO io = { io_setup, io_none, io_ctrl, io_read, io_write,
	io_none };

LDAP *
binder_ldap(int fd, struct binder_pipe *p, size_t max)
{
	int version = LDAP_VERSION3;
	ber_len_t limit = max;
	Sockbuf *sb = NULL;
	LDAP *ldap = NULL;

	/* The descriptor is only to be asked about by poll(2). */
	if (ldap_init_fd(fd, LDAP_PROTO_EXT, NULL, &ldap) != LDAP_SUCCESS)
		return NULL;
	if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) ==
	        LDAP_OPT_SUCCESS &&
	    ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) ==
	        LDAP_OPT_SUCCESS &&
	    ldap_get_option(ldap, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS &&
	    ber_sockbuf_add_io(sb, &io, LBER_SBIOD_LEVEL_PROVIDER, p) == 0 &&
	    ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &limit) == 1)
		return ldap;
	ldap_unbind_ext(ldap, NULL, NULL);
	return NULL;
}
