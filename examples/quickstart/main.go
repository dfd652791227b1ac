// Quickstart shows the whole life of a managed device in one process, with real parts: a management server on loopback
// with TLS, and a device that enrolls with it, proves itself by the certificate it got, is managed, and leaves.
//
//	go -C examples run ./quickstart           # the story
//	go -C examples run ./quickstart -trace    # and each message
//	go -C examples run ./quickstart -v        # and what HTTP did
//
// It exits with status 1 and the reason as soon as a step does not come out as expected.
//
// Read story.go first: it is what happens, chapter by chapter. server.go is a management server, device.go an agent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	trace := flag.Bool("trace", false, "show each message")
	verbose := flag.Bool("v", false, "show each HTTP exchange")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	if err := run(ctx, &teller{w: os.Stdout, trace: *trace, verbose: *verbose}); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}
