#include "config.h"
#include "libcommon/io.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
io_write_all(int fd, const void *data, size_t n)
{
	const unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = write(fd, p, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int
io_pwrite_all(int fd, const void *data, size_t n, off_t off)
{
	const unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = pwrite(fd, p, n, off)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += r;
		off += r;
		n -= (size_t)r;
	}
	return 0;
}

int
io_read_all(int fd, void *data, size_t n)
{
	unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = read(fd, p, n)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0) {
			errno = EIO;
			return -1;
		}
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

int
io_pread_all(int fd, void *data, size_t n, off_t off)
{
	unsigned char *p = data;
	ssize_t r;

	while (n > 0) {
		if ((r = pread(fd, p, n, off)) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0) {
			errno = EIO;
			return -1;
		}
		p += r;
		off += r;
		n -= (size_t)r;
	}
	return 0;
}

int
io_slurp(int fd, size_t max, struct buf *out)
{
	unsigned char chunk[16384];
	ssize_t r;

	for (;;) {
		if ((r = read(fd, chunk, sizeof(chunk))) == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0)
			return 0;
		if ((size_t)r > max - out->len) {
			errno = EFBIG;
			return -1;
		}
		buf_put(out, chunk, (size_t)r);
		explicit_bzero(chunk, (size_t)r); /* it may have been a key */
		if (buf_error(out) != 0) {
			errno = buf_error(out);
			return -1;
		}
	}
}

int
io_slurp_path(const char *path, size_t max, struct buf *out)
{
	int fd, r, saved;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	r = io_slurp(fd, max, out);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int
io_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

int
io_fsync_dir(int dirfd)
{
	return fsync(dirfd);
}

int
io_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
io_sealed_memfd(const char *name, struct span bytes)
{
	int fd, saved;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (io_write_all(fd, bytes.data, bytes.len) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1 ||
	    fcntl(fd, F_ADD_SEALS,
	        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
	        -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void
io_exec(const char *path, const char *const argv[], const char *const envp[])
{
	/* exec changes no string; its prototype is older than const. */
	union {
		const char *const *in;
		char *const *out;
	} a = { .in = argv }, e = { .in = envp };

	if (envp != NULL)
		execvpe(path, a.out, e.out);
	else
		execvp(path, a.out);
}

uint64_t
io_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
io_wall_s(void)
{
	return (uint64_t)time(NULL);
}

/*
 * CRC-32C (Castagnoli, reflected 0x82f63b78).  The processor's instruction
 * where it has one, else eight tables made at first use.
 */
static uint32_t crc_table[8][256];

static void
crc_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = (c & 1) ? (c >> 1) ^ 0x82f63b78u : c >> 1;
		crc_table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^
			    crc_table[0][crc_table[t - 1][i] & 0xff];
}

static uint32_t
crc_soft(uint32_t c, const unsigned char *p, size_t n)
{
	if (crc_table[0][1] == 0)
		crc_tables();
	while (n >= 8) {
		uint32_t lo = le32_get(p) ^ c, hi = le32_get(p + 4);

		c = crc_table[7][lo & 0xff] ^ crc_table[6][(lo >> 8) & 0xff] ^
		    crc_table[5][(lo >> 16) & 0xff] ^ crc_table[4][lo >> 24] ^
		    crc_table[3][hi & 0xff] ^ crc_table[2][(hi >> 8) & 0xff] ^
		    crc_table[1][(hi >> 16) & 0xff] ^ crc_table[0][hi >> 24];
		p += 8;
		n -= 8;
	}
	while (n-- > 0)
		c = (c >> 8) ^ crc_table[0][(c ^ *p++) & 0xff];
	return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_hard(uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t c = crc, v;

	while (n >= 8) {
		memcpy(&v, p, 8);
		c = __builtin_ia32_crc32di(c, v);
		p += 8;
		n -= 8;
	}
	while (n-- > 0)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
	return (uint32_t)c;
}
#endif

uint32_t
io_crc32c(uint32_t crc, const void *data, size_t n)
{
	uint32_t c = ~crc;

	if (n == 0)
		return crc;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_hard(c, data, n);
#endif
	return ~crc_soft(c, data, n);
}
