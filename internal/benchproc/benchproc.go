// Package benchproc runs servers in processes of their own, so that a benchmark sees what the server costs and not what
// its clients do: processor time, live memory.
package benchproc

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omadm-sdk/omadm/internal/testca"
)

// A Maker makes what a process serves. It may keep files in dir, and add paths to control, which the benchmark calls by
// [Process.Control].
type Maker func(dir string, roots *x509.CertPool, control *http.ServeMux) (http.Handler, error)

const env = "OMADM_BENCH_PROCESS"

// Main serves, and does not return, in a process that Start has made. TestMain calls it first.
func Main(servers map[string]Maker) {
	text := os.Getenv(env)
	if text == "" {
		return
	}
	err := func() error {
		var start [2]string
		if err := json.Unmarshal([]byte(text), &start); err != nil {
			return err
		}
		return serve(servers[start[0]], start[1])
	}()
	fmt.Fprintln(os.Stderr, "benchproc:", err)
	os.Exit(1)
}

func serve(m Maker, dir string) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		return err
	}
	root, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	control := http.NewServeMux()
	control.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, int64(cpu())) })
	control.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, live()) })
	control.HandleFunc("/goroutines", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, runtime.NumGoroutine()) })
	handler, err := m(dir, roots, control)
	if err != nil {
		return err
	}
	main, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	side, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: handler, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MinVersion: tls.VersionTLS13,
	}}
	go http.Serve(side, control)
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with whoever has started this
		os.Exit(0)
	}()
	fmt.Println(main.Addr(), side.Addr())
	return srv.ServeTLS(main, "", "")
}

// live returns how many bytes of heap and stacks are in use, after what nobody needs has gone.
func live() uint64 {
	for range 2 { // pools give up what they hold in two steps
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// A Process is a server that runs.
type Process struct {
	URL string

	tb      testing.TB
	control string
}

// Start runs the server of that name, with a certificate of ca's, in a folder of its own. It demands a client certificate
// that ca has issued. It ends with tb.
func Start(tb testing.TB, ca *testca.CA, name string) *Process {
	tb.Helper()
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("benchproc: start %s: %v", name, err)
		}
	}
	dir := tb.TempDir()
	cert := ca.Server()
	key, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
	check(err)
	for file, b := range map[string][]byte{
		"root.pem":   ca.PEM(),
		"server.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		"server.key": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key}),
	} {
		check(os.WriteFile(filepath.Join(dir, file), b, 0o600))
	}
	start, err := json.Marshal([2]string{name, dir})
	check(err)
	exe, err := os.Executable()
	check(err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env+"="+string(start))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	check(err)
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	tb.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	check(err)
	main, side, _ := strings.Cut(strings.TrimSpace(line), " ")
	return &Process{URL: "https://" + main, tb: tb, control: "http://" + side}
}

// Control calls a path of the server's control, and returns the answer.
func (p *Process) Control(path string) string {
	p.tb.Helper()
	res, err := http.Get(p.control + path)
	if err != nil {
		p.tb.Fatalf("benchproc: %s: %v", path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.tb.Fatalf("benchproc: %s: %s %s %v", path, res.Status, b, err)
	}
	return string(b)
}

func (p *Process) number(path string) int64 {
	p.tb.Helper()
	n, err := strconv.ParseInt(p.Control(path), 10, 64)
	if err != nil {
		p.tb.Fatalf("benchproc: %s: %v", path, err)
	}
	return n
}

// CPU returns the processor time that the server has used, in all. Where the system does not say it is 0.
func (p *Process) CPU() time.Duration { p.tb.Helper(); return time.Duration(p.number("/cpu")) }

// Memory returns the live bytes of the server's heap and stacks.
func (p *Process) Memory() int64 { p.tb.Helper(); return p.number("/memory") }

// Goroutines returns how many goroutines the server has.
func (p *Process) Goroutines() int { p.tb.Helper(); return int(p.number("/goroutines")) }
