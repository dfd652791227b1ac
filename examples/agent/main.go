// Agent is a Linux machine that an OMA DM server manages: it enrolls, calls its server on schedule, tells its real
// inventory, and takes policies, certificates and applications into a directory of its own.
//
//	go -C examples run ./mdmserver -dir /tmp/server &
//	export OMADM_PASSWORD='correct horse'
//	go -C examples run ./agent -dir /tmp/agent -roots /tmp/server/ca.pem enroll https://127.0.0.1:8443 ada@example.com
//	go -C examples run ./agent -dir /tmp/agent -roots /tmp/server/ca.pem run
//	go -C examples run ./agent -dir /tmp/agent -roots /tmp/server/ca.pem unenroll
//
// Nothing outside of the directory is changed: policies become files in policies/, certificates PEM files in certs/,
// applications directories in apps/, and a wipe empties these.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/omadm-sdk/omadm/auth/enroll"
	"github.com/omadm-sdk/omadm/csp/dmclient"
)

func main() {
	dir := flag.String("dir", "agent", "the `directory` for everything that the agent keeps")
	roots := flag.String("roots", "", "a PEM `file` with authorities to trust; empty: those of the system")
	verbose := flag.Bool("v", false, "log the conversation")
	flag.Usage = usage
	flag.Parse()

	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *roots, flag.Args()); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, `usage: agent [flags] verb

  enroll URL USER   make this machine one of the server at URL; the password comes from $OMADM_PASSWORD
  run               call the server on schedule, until interrupted or unenrolled
  sync              call the server once
  status            tell which server this machine has
  unenroll          leave the server, and remove what it has configured

`)
	flag.PrintDefaults()
}

func run(ctx context.Context, dir, roots string, args []string) error {
	if len(args) == 0 {
		usage()
		return errors.New("no verb")
	}
	pool, err := readRoots(roots)
	if err != nil {
		return err
	}
	m, err := open(dir, pool)
	if err != nil {
		return err
	}
	defer m.close()
	switch verb := args[0]; {
	case verb == "enroll" && len(args) == 3:
		m.DiscoveryURL = strings.TrimSuffix(args[1], "/") + enroll.DiscoveryPath
		if err := m.Enroll(ctx, args[2], enroll.Password(os.Getenv("OMADM_PASSWORD"))); err != nil {
			return err
		}
		return m.status(ctx)
	case verb == "run" && len(args) == 1:
		if err := m.policies.Enforce(ctx); err != nil {
			return err
		}
		err := m.Run(ctx)
		if errors.Is(err, dmclient.ErrNotEnrolled) {
			fmt.Println("not enrolled any more")
			return nil
		}
		return err
	case verb == "sync" && len(args) == 1:
		sum, err := m.Call(ctx, dmclient.ByUser)
		if err != nil {
			return err
		}
		fmt.Printf("%d messages, %d commands, %d failed\n", sum.Messages, sum.Commands, sum.Failed)
		return nil
	case verb == "status" && len(args) == 1:
		return m.status(ctx)
	case verb == "unenroll" && len(args) == 1:
		if err := m.Unenroll(ctx); err != nil {
			return err
		}
		fmt.Println("unenrolled")
		return nil
	}
	usage()
	return fmt.Errorf("%s: no such verb, or other arguments expected", strings.Join(args, " "))
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: no certificate in PEM", file)
	}
	return pool, nil
}
