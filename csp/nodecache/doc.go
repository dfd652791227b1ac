// Package nodecache is the NodeCache CSP: the device compares nodes of its tree with what the server believes them to
// hold, and tells which differ, so that only what has changed travels.
//
// On the device, [Mount] adds NodeCache to a tree. It reads the nodes that the server names from that same tree.
package nodecache
