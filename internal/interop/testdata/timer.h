/* What a program that measures a library shares with the others of its kind: see timer.c. */
#include <stddef.h>

struct counts {
	long elements, ends, attributes, octets; /* octets of text */
};

/* run reads a document once, in the way that what names, and adds up what it saw. It returns NULL or what went wrong. */
const char *run(const char *what, char *in, size_t n, struct counts *seen);
