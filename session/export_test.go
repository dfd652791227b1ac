package session

// FirstNumber makes the first session of a client without Store number 1.
func FirstNumber(c *Client) {
	if c.state == nil {
		c.state = &clientState{Counter: 1<<16 - 1}
	}
}
