// Package ddf reads device description files (OMA DDF 1.2, and DDF v2 as
// Microsoft extends it) into the definitions of package csp: those of an OEM's
// own configuration service providers, or of another release of Windows than
// the one that package csp holds.
//
//	f, err := ddf.Parse("Keyboard", data, nil)
//	s, err := csp.New(f.Trees...)
//
// Published files deviate from their schemas: they are in no namespace, their
// elements come in any order, defaults contradict formats. Parse reads what it
// can and lists in [File.Odd] what is strange. It fails only for what is no
// description document, or is too large or too deep.
//
// Facts go into the definitions. Sentences for people (descriptions, titles,
// what the values of an enumeration mean) go to [Options.Text], for programs
// that want to show them.
package ddf
