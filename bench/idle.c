/*
 * idle - open N SMTP or POP3 sessions, wait for each greeting, and print the
 * proportional set size (PSS, KiB) of processes while they do nothing.
 *
 *	idle HOST PORT N PID...
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void
die(const char *what)
{
	fprintf(stderr, "idle: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
session(const char *host, const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	char greeting[512];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	in.sin_port = htons((in_port_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, host, &in.sin_addr) != 1) {
		fprintf(stderr, "idle: bad address %s\n", host);
		exit(64);
	}
	if (fd == -1 || connect(fd, (struct sockaddr *)&in, sizeof(in)) == -1)
		die("connect");
	if (poll(&p, 1, 10000) != 1)
		die("no greeting");
	n = recv(fd, greeting, sizeof(greeting), 0);
	if (n < 3 ||
	    (memcmp(greeting, "220", 3) && memcmp(greeting, "+OK", 3))) {
		fprintf(stderr, "idle: refused: %.*s\n", n > 0 ? (int)n : 0,
		    greeting);
		exit(1);
	}
	return fd;
}

static unsigned long
pss_kb(const char *pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
	if ((f = fopen(path, "r")) == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Pss:", 4) == 0)
			kb = strtoul(line + 4, NULL, 10);
	fclose(f);
	return kb;
}

static void
process_name(const char *pid, char name[32])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	name[0] = '\0';
	if ((f = fopen(path, "r")) != NULL) {
		if (fgets(name, 32, f) != NULL)
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
}

int
main(int argc, char *argv[])
{
	struct rlimit rl;
	unsigned long n, kb, sum = 0;
	char name[32];

	if (argc < 5) {
		fprintf(stderr, "usage: idle HOST PORT N PID...\n");
		return 64;
	}
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	n = strtoul(argv[3], NULL, 10);
	for (unsigned long i = 0; i < n; i++)
		session(argv[1], argv[2]); /* open until we end */
	usleep(500 * 1000);                /* let the servers come to rest */
	for (int i = 4; i < argc; i++) {
		kb = pss_kb(argv[i]);
		sum += kb;
		process_name(argv[i], name);
		printf("%s pid=%s pss_kb=%lu\n", name, argv[i], kb);
	}
	printf("total sessions=%lu pss_kb=%lu\n", n, sum);
	return 0;
}
