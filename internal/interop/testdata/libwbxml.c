/* libwbxml: the whole conversion in memory, in the direction that what names. Of what it reads it tells nothing; the
   octets that it writes are counted. */
#include <stdlib.h>
#include <string.h>
#include <wbxml/wbxml.h>

#include "timer.h"

const char *run(const char *what, char *in, size_t n, struct counts *seen) {
	WB_UTINY *out = NULL;
	WB_ULONG len = 0;
	WBXMLError err;
	if (strcmp(what, "decode") == 0) {
		WBXMLConvWBXML2XML *conv = NULL;
		wbxml_conv_wbxml2xml_create(&conv);
		wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_COMPACT);
		err = wbxml_conv_wbxml2xml_run(conv, (WB_UTINY *)in, n, &out, &len);
		wbxml_conv_wbxml2xml_destroy(conv);
	} else {
		WBXMLConvXML2WBXML *conv = NULL;
		wbxml_conv_xml2wbxml_create(&conv);
		wbxml_conv_xml2wbxml_disable_string_table(conv);
		err = wbxml_conv_xml2wbxml_run(conv, (WB_UTINY *)in, n, &out, &len);
		wbxml_conv_xml2wbxml_destroy(conv);
	}
	free(out);
	seen->octets += len;
	return err == WBXML_OK ? NULL : (const char *)wbxml_errors_string(err);
}
