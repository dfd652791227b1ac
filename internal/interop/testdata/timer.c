/* Measures a library. On standard input come the length of a document in a line and the document; what a run over it
   sees is printed. Then each line asks for one round: runs for at least 3 milliseconds, of which the mean is printed, in
   nanoseconds. So whoever asks decides when, and what else it measures meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "timer.h"

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "", *wrong;
	size_t n;
	if (scanf("%zu", &n) != 1 || getchar() != '\n')
		return 2;
	char *in = malloc(n + 1);
	if (fread(in, 1, n, stdin) != n)
		return 2;
	struct counts seen = {0};
	if ((wrong = run(what, in, n, &seen)) != NULL) {
		fprintf(stderr, "%s\n", wrong);
		return 1;
	}
	printf("%ld %ld %ld %ld\n", seen.elements, seen.ends, seen.attributes, seen.octets);
	fflush(stdout);
	while (getchar() != EOF) {
		long long begin = now(), runs = 0;
		while (now() - begin < 3000000)
			for (long long k = 1 + runs / 4; k > 0; k--, runs++)
				run(what, in, n, &seen);
		printf("%lld\n", (now() - begin) / runs);
		fflush(stdout);
	}
	return 0;
}
