package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// The limits of a connection. A reader that dawdles must not hold one for ever.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 15 * time.Second
	answerTimeout  = time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeader      = 32 << 10
	// drainTimeout is how long requests under way may take after the end.
	drainTimeout = 5 * time.Second
)

// Listeners are the two doors, open but not yet served.
type Listeners struct {
	socket *socket
	tcp    net.Listener // nil without one
	// name is the host of the TCP address as it was written; it may be empty.
	name string
}

// Listen opens the unix socket, and TCP unless tcp is empty. Close or Serve
// must follow.
func Listen(ctx context.Context, socketPath, tcp string) (*Listeners, error) {
	s, err := listenSocket(ctx, socketPath)
	if err != nil {
		return nil, err
	}
	if tcp == "" {
		return &Listeners{socket: s}, nil
	}
	var config net.ListenConfig
	t, err := config.Listen(ctx, "tcp", tcp)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("web.listen: %w", err), s.Close())
	}
	name, _, _ := net.SplitHostPort(tcp) // it was good enough to listen on
	return &Listeners{socket: s, tcp: t, name: name}, nil
}

// SocketPath is where the socket is.
func (l *Listeners) SocketPath() string { return l.socket.path }

// TCPAddr is the TCP address that was bound; empty without one.
func (l *Listeners) TCPAddr() string {
	if l.tcp == nil {
		return ""
	}
	return l.tcp.Addr().String()
}

// Close stops listening. It may be called more than once.
func (l *Listeners) Close() error {
	err := l.socket.Close()
	if l.tcp == nil {
		return err
	}
	if closing := l.tcp.Close(); !errors.Is(closing, net.ErrClosed) {
		err = errors.Join(err, closing)
	}
	return err
}

// Serve answers on both doors until ctx ends, then lets requests under way
// finish for a moment. The listeners are closed when it returns. A ConfigFile
// that is wrong is an error.
func (s *Server) Serve(ctx context.Context, l *Listeners) error {
	socket := s.server(s.Socket())
	servers := []*http.Server{socket}
	serve := []func() error{func() error { return socket.Serve(l.socket) }}
	if l.tcp != nil {
		tcp := s.server(s.tcp(l.name))
		servers = append(servers, tcp)
		serve = append(serve, func() error { return s.serveTCP(tcp, l.tcp) })
	}
	ended := make(chan error, len(servers))
	for _, f := range serve {
		go func() { ended <- f() }()
	}
	var first error
	waiting := len(servers)
	select {
	case <-ctx.Done():
	case first = <-ended:
		waiting--
	}
	s.end.Do(func() { close(s.ending) })
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	errs := []error{failure(first)}
	for _, server := range servers {
		if err := server.Shutdown(drain); err != nil {
			errs = append(errs, server.Close())
		}
	}
	for range waiting {
		errs = append(errs, failure(<-ended))
	}
	return errors.Join(append(errs, l.Close())...)
}

// serveTCP answers on TCP, with TLS and for the users of the web-config file
// where there is one.
func (s *Server) serveTCP(server *http.Server, l net.Listener) error {
	if s.o.ConfigFile == "" {
		return server.Serve(l)
	}
	flags := &toolkit.FlagConfig{WebConfigFile: &s.o.ConfigFile}
	err := toolkit.Serve(l, server, flags, slog.New(logHandler{s.o.Logger}))
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return fmt.Errorf("web.config_file: %w", err)
}

// failure drops the error with which a server says that it was asked to end.
func failure(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ConnContext:       connContext,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          s.o.Logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}
