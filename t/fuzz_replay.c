/*
 * fuzz_replay - run a fuzz target over its seeds, as TAP, without libFuzzer.
 *
 * The seeds of x_fuzz are the files in t/data/fuzz/x/.  Each is fed whole and
 * then cut at each length up to 4096 bytes, so that every "one byte short" is
 * met too.
 */
#include "config.h"
#include "tap.h"

#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
feed(const unsigned char *bytes, size_t n)
{
	/* An exact heap copy, so that ASan sees one byte too far. */
	unsigned char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

int
main(int argc, char *argv[])
{
	static unsigned char bytes[1 << 20];
	const char *top = getenv("top_srcdir");
	char name[64], path[4096];
	const char *base;
	struct dirent *de;
	DIR *dir;
	FILE *f;
	size_t n;

	(void)argc;
	base = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1
	                                     : argv[0];
	snprintf(name, sizeof(name), "%s", base);
	if (strlen(name) > 5 && strcmp(name + strlen(name) - 5, "_fuzz") == 0)
		name[strlen(name) - 5] = '\0';
	snprintf(path, sizeof(path), "%s/t/data/fuzz/%s", top ? top : ".",
	    name);
	if ((dir = opendir(path)) == NULL) {
		ok(false, "seeds in %s", path);
		return done_testing();
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	while ((de = readdir(dir)) != NULL) {
		char file[4400];

		if (de->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, de->d_name);
		if ((f = fopen(file, "rb")) == NULL)
			continue;
		n = fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		feed(bytes, n);
		for (size_t cut = 0; cut < n && cut < 4096; cut++)
			feed(bytes, cut);
		ok(true, "%s: seed %s", name, de->d_name);
	}
	closedir(dir);
	return done_testing();
}
