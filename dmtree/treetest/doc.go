// Package treetest tests whether providers of others keep the promises of
// package dmtree.
//
// [TestProvider] reads, so it can be run on any provider, real devices
// included. [TestStore] writes: it is for providers that keep nodes of any
// kind, such as a store of one's own. Both fail the test with what was wanted
// and what came:
//
//	func TestMyStore(t *testing.T) {
//		treetest.TestStore(t, func(t *testing.T) dmtree.Provider { return mystore.Open(t.TempDir()) }, "./Vendor/Example")
//	}
package treetest
