package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/cobra"
)

func TestCompletionDoesNotWaitForASlowDaemon(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	mock := clock.NewMock()
	a := &app{clock: mock, address: server.URL}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	go func() {
		<-asked
		mock.Add(500 * time.Millisecond)
	}()
	offered, directive := a.ask(serviceNames)(cmd, nil, "")
	if len(offered) != 0 || directive != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("got %q, %d; want nothing", offered, directive)
	}
}
