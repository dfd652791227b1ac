// Package ddf reads device description files (OMA DDF 1.2 and Microsoft's DDF
// v2) into the definitions of package csp.
package ddf
