package csp

import (
	"errors"

	"github.com/omadm-sdk/omadm/internal/xsd"
)

// checkXSD takes documents that follow the XML schema of the description.
func (a *allowed) checkXSD(text string) (want string, err error) {
	schema, ok := a.first()
	if !ok {
		return "", undecidable("the description gives no XML schema")
	}
	compiled, err := a.s.xsd(schema)
	if err != nil {
		return "", undecidable("the XML schema of the description cannot be read: %v", err)
	}
	no := new(xsd.Error)
	switch err := compiled.Check(text); {
	case err == nil:
		return "", nil
	case errors.As(err, &no):
		return "an XML document that follows its schema: at " + no.Path + ", " + no.Want, nil
	default:
		return "", undecidable("the document holds parts of another schema, which the description does not give")
	}
}

// xsd compiles an XML schema once.
func (s *Schema) xsd(text string) (*xsd.Schema, error) {
	if v, ok := s.xsds.Load(text); ok {
		if x, ok := v.(*xsd.Schema); ok {
			return x, nil
		}
		return nil, v.(error)
	}
	x, err := xsd.Compile(text)
	if err != nil {
		s.xsds.Store(text, err)
		return nil, err
	}
	s.xsds.Store(text, x)
	return x, nil
}
