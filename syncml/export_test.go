package syncml

// pulled are the elements that hold elements, by the content models.
var pulled = func() (parents [elemCount]bool) {
	for id := range contents {
		parents[id] = true
	}
	return parents
}()

// Pull reads the tokens of a message with the source that d decodes from, and returns how many elements there are.
func Pull(d *Decoder, data []byte) (int, error) {
	d.ResetBytes(data)
	if err := d.sniff(); err != nil {
		return 0, err
	}
	if err := d.src.start(); err != nil {
		return 0, err
	}
	src, n := d.src, 1
	for depth := 1; depth > 0; {
		id := src.child()
		switch {
		case id == elEnd:
			depth--
			continue
		case pulled[id]:
			depth++
		case id == elData:
			src.content()
		case id == elNone:
			src.skip(false)
		default:
			src.text()
		}
		n++
	}
	return n, src.at().err
}
