package csp

import (
	_ "embed"
	"sync"
)

//go:generate go run ../internal/ddfgen -ddf ../../shared/ddf -admx ../../shared/admx -out data

var (
	//go:embed data/windows.txt
	windowsText string
	//go:embed data/admx.txt
	windowsPolicies string
	//go:embed data/errata.txt
	windowsErrata string
)

var windows struct {
	once   sync.Once
	schema *Schema
}

// Windows returns the schema of the configuration service providers of
// Windows, from the description files that data/NOTICE names, corrected by
// data/errata.txt, which gives the source of each line, with what the ADMX
// files of Windows say about the policies behind it. The first call
// takes a few milliseconds; a program that never calls it does not carry the
// data.
func Windows() *Schema {
	// Nothing may refer to windowsText from a package variable: such a
	// reference would keep the data in every program that imports this package.
	windows.once.Do(func() {
		s, err := ParseText(windowsText)
		if err == nil {
			err = s.correct(windowsErrata)
		}
		if err != nil {
			panic(err) // the files are part of this package, and a test reads them
		}
		s.policies = &policySet{text: windowsPolicies}
		windows.schema = s
	})
	return windows.schema
}
