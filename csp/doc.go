// Package csp knows what the configuration service providers (CSPs) of Windows
// allow: which nodes there are, which commands they take, and which values.
package csp
