package dmtree

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
)

// WriteJSON writes the node root of p and all below it as one JSON document:
//
//	{"uri": "./A", "format": "node", "children": [
//	  {"name": "B", "format": "int", "value": "7"},
//	  {"name": "C", "format": "bin", "type": "application/octet-stream", "value": "AAH/"},
//	  {"name": "Password", "format": "chr", "secret": true},
//	  {"name": "D", "error": "command not allowed on this node"}]}
//
// Values are the text of the wire, so base64 for b64 and bin; a type that is
// missing is the default. Secret values are left out. A node that cannot be
// read has its error in place of its value.
func WriteJSON(ctx context.Context, w io.Writer, p Provider, root URI) error {
	buf := bufio.NewWriter(w)
	var above []URI // whose children are being written
	first := true   // of its siblings
	for e, err := range Walk(ctx, p, root) {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		n := jsonNode{Name: e.URI.Name(), Format: e.Value.Format().String(), Type: e.Value.Type()}
		switch {
		case err != nil && len(above) == 0:
			return err
		case err != nil:
			n.Format, n.Error = "", unplaced(err)
		case e.Value.IsSecret():
			n.Secret = true
		case !e.Value.IsInterior() && !e.Value.IsNull():
			text := e.Value.Text()
			n.Value = &text
		}
		if len(above) == 0 {
			n.Name, n.URI = "", string(e.URI)
		}
		for len(above) > 0 && above[len(above)-1] != e.URI.Parent() {
			above = above[:len(above)-1]
			buf.WriteString("]}")
			first = false
		}
		if len(above) > 0 && !first {
			buf.WriteString(",")
		}
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		first = false
		if e.Value.IsInterior() {
			b = append(b[:len(b)-1], `,"children":[`...)
			above = append(above, e.URI)
			first = true
		}
		buf.Write(b)
	}
	for range above {
		buf.WriteString("]}")
	}
	buf.WriteByte('\n')
	return buf.Flush()
}

type jsonNode struct {
	URI    string  `json:"uri,omitempty"`
	Name   string  `json:"name,omitempty"`
	Format string  `json:"format,omitempty"`
	Type   string  `json:"type,omitempty"`
	Secret bool    `json:"secret,omitempty"`
	Value  *string `json:"value,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// unplaced is the text of an error without operation and URI, which stand
// around it.
func unplaced(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
