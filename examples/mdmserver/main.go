// Mdmserver is a small management server: devices enroll with a user name and a password, and are managed by the
// certificate that they get. It keeps everything in one directory and needs nothing else.
//
//	go -C examples run ./mdmserver -dir /tmp/server
//
// The first start makes an authority, whose certificate devices must trust: ca.pem. Write policies.json to say what
// devices are to hold:
//
//	{"./Device/Vendor/MSFT/Policy/Config/Camera/AllowCamera": "0"}
//
// It is read at each session. What devices answer is printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "server", "the `directory` for everything that the server keeps")
	addr := flag.String("addr", "127.0.0.1:8443", "the `address` to listen at")
	host := flag.String("host", "", "the name or IP address by which devices know the server; empty: that of -addr")
	user := flag.String("user", "ada@example.com", "who may enroll devices")
	password := flag.String("password", "correct horse", "of the user")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *addr, *host, *user, *password); err != nil {
		fmt.Fprintln(os.Stderr, "mdmserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, addr, host, user, password string) error {
	s, err := open(dir, addr, host, user, password)
	if err != nil {
		return err
	}
	defer s.close()
	slog.Info("serving", "url", s.url, "ca", s.caFile())
	failed := make(chan error, 1)
	go func() { failed <- s.http.ServeTLS(s.listener, "", "") }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.http.Shutdown(last); err != nil {
		return err
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
