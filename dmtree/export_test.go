package dmtree

// IndexBytes returns what the index takes per node, spare room included.
func (m *Memory) IndexBytes() float64 {
	x := &m.index
	total := cap(x.nodes)*24 + cap(x.names) + cap(x.slots)*8
	return float64(total) / float64(x.used)
}
