package syncml

import (
	"encoding/base64"
	"fmt"
)

// Value returns the octets that the item stands for, which are the same in both encodings: XML has base64 where WBXML may
// have the octets themselves. Format decides (that of the item, or else of command, the Meta of the command that holds the
// item): under b64 and bin, characters are base64, white space ignored; bytes and everything else are what they are.
// The result of a command that came from a [Decoder] may be part of its memory, as that of [Data.Bytes].
func (it *Item) Value(command Meta) ([]byte, error) {
	switch f := it.Meta.Or(command).Format; {
	case it.Data.kind <= DataEmpty:
		return nil, nil
	case f != FormatB64 && f != FormatBin, it.Data.kind == DataOpaque && !(f == FormatB64 && isBase64(it.Data)):
		return it.Data.Bytes(), nil
	}
	b := make([]byte, 0, it.Data.Len())
	for _, c := range it.Data.Bytes() {
		if !isSpace(c) {
			b = append(b, c)
		}
	}
	b, err := base64.StdEncoding.AppendDecode(nil, b)
	if err != nil {
		return nil, fmt.Errorf("syncml: Data of %.200q: %w", it.where(), err)
	}
	return b, nil
}

// rawOctets makes items bin that say b64 but hold octets as they are, which is how some peers use WBXML. In XML there is
// nothing but base64, so that b64 always means it there.
func rawOctets(items []Item, command *Meta) {
	for i := range items {
		it := &items[i]
		if it.Data.kind != DataOpaque || isBase64(it.Data) {
			continue
		}
		if f := it.Meta.Format; f == FormatB64 || f == "" && command != nil && command.Format == FormatB64 {
			it.Meta.Format = FormatBin
		}
	}
}
