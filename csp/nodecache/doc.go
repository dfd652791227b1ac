// Package nodecache is the NodeCache CSP, for both ends: the device compares nodes of its tree with what the server
// believes them to hold, and tells which differ, so that only what has changed travels.
//
// # On the device
//
// [Mount] adds NodeCache to a tree. It reads the nodes that the server names from that same tree.
//
// # On the server
//
// A [Cache] is what the server knows of one device: plain data, to be stored beside the device's record. [Cache.Sync],
// called in a [session.Script], brings it up to date and returns what has changed:
//
//	session.Script(func(ctx context.Context, c *session.Conversation) error {
//		cache, err := load(c.Request().Identity.Device)
//		if err != nil {
//			return err
//		}
//		changes, err := cache.Sync(c, "./DevDetail/SwV", "./DevDetail/Ext/Microsoft/FreeStorage")
//		if err != nil {
//			return err
//		}
//		return store(cache, changes)
//	})
//
// The server writes a new CacheVersion last. Where a session dies before, the versions of both ends differ, and the next
// Sync rebuilds the cache: a change may be told twice, and is never lost.
package nodecache
