package session

import "time"

// FirstNumber makes the first session of a client without Store number 1.
func FirstNumber(c *Client) {
	if c.state == nil {
		c.state = &clientState{Counter: 1<<16 - 1}
	}
}

// StopDisk has s write nothing until fail is called, and then fail to.
func StopDisk(s *FileStore) (fail func()) {
	s.disk.Lock()
	return func() {
		s.file.Close()
		s.disk.Unlock()
	}
}

// HandOut gives the server of c a nonce.
func HandOut(c *Client, nonce []byte) {
	if c.state == nil {
		c.state = new(clientState)
	}
	c.state.give(nonce)
}

// Act has c note that it opens a session for n.
func Act(c *Client, n *Notification, now time.Time) { c.state.act(n, now) }
