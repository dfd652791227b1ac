// Package e2e holds the tests of all CSPs between both engines: what a server writes with the helpers of a CSP's
// package reaches the provider of the same package through messages, and the outcome comes back.
package e2e
