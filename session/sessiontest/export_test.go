package sessiontest

import (
	"fmt"
	"sync"
)

// ClientCases returns the names of the cases of RunClient.
func ClientCases() (names []string) {
	for _, c := range clientCases {
		names = append(names, c.name)
	}
	return names
}

// CheckClient plays one case of RunClient, and returns what it finds wrong with a device.
func CheckClient(name string, o *ClientOptions, device func(url string)) (wrong []string) {
	for i := range clientCases {
		if c := &clientCases[i]; c.name == name {
			l := new(complaints)
			trace := c.run(l, o, device)
			if len(l.list) > 0 {
				l.list = append(l.list, trace)
			}
			return l.list
		}
	}
	panic("no case " + name)
}

// complaints takes down what a case reports.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (l *complaints) Helper() {}

func (l *complaints) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprintf(format, args...))
}
