/* Prints how many nanoseconds libwbxml takes to convert what stands on its standard input: the best of at least five
   rounds and 0.3 seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wbxml/wbxml.h>

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
	size_t n = 0, room = 1 << 22;
	WB_UTINY *in = malloc(room);
	for (size_t got; (got = fread(in + n, 1, room - n, stdin)) > 0;)
		if ((n += got) == room)
			in = realloc(in, room *= 2);
	int decode = argc > 1 && strcmp(argv[1], "decode") == 0;
	long long best = -1, begin = now();
	for (int round = 0; round < 5 || now() - begin < 300000000LL; round++) {
		WB_UTINY *out = NULL;
		WB_ULONG len = 0;
		WBXMLError err;
		long long from = now();
		if (decode) {
			WBXMLConvWBXML2XML *conv = NULL;
			wbxml_conv_wbxml2xml_create(&conv);
			wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_COMPACT);
			err = wbxml_conv_wbxml2xml_run(conv, in, n, &out, &len);
			wbxml_conv_wbxml2xml_destroy(conv);
		} else {
			WBXMLConvXML2WBXML *conv = NULL;
			wbxml_conv_xml2wbxml_create(&conv);
			wbxml_conv_xml2wbxml_disable_string_table(conv);
			err = wbxml_conv_xml2wbxml_run(conv, in, n, &out, &len);
			wbxml_conv_xml2wbxml_destroy(conv);
		}
		free(out);
		long long took = now() - from;
		if (err != WBXML_OK) {
			fprintf(stderr, "%s\n", (const char *)wbxml_errors_string(err));
			return 1;
		}
		if (best < 0 || took < best)
			best = took;
	}
	printf("%lld\n", best);
	return 0;
}
