package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/source/version"
)

// live asks the sources of a configuration whose Prometheus is at an address, and
// gives all that is said of it.
func live(t *testing.T, address string) (Live, string) {
	t.Helper()
	c := parse(t, fmt.Sprintf(`
[prometheus]
url = "%s/?token=hunter2query"
[metrics]
errors = { query = "errors", unit = "ratio" }
[services.checkout]
deployment = { version_query = "build_info", version_label = "release" }
[services.checkout.triggers.errors]
when = "errors > 1%%"
severity = "low"
`, address))
	found, err := AskSources(t.Context(), c, clock.New())
	if err != nil {
		t.Fatal(err)
	}
	return found, fmt.Sprintf("%+v %v %v", found, found.Sources[0].Err, found.Versions[0].Err)
}

// A check of the sources is shown to whoever is asked for help: the token of an
// address is not in it, and what to do about an answer only where there was one.
func TestLiveShowsNoSecretAndAdvisesOnAnswersAlone(t *testing.T) {
	dropping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	defer dropping.Close()
	found, said := live(t, dropping.URL)
	if strings.Contains(said, "hunter2") {
		t.Errorf("the token shows: %s", said)
	}
	if v := found.Versions[0].Err; v == nil || strings.Contains(v.Error(), "version_label") {
		t.Errorf("nothing answered: got %v, want the reason alone", v)
	}
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	}))
	defer empty.Close()
	found, said = live(t, empty.URL)
	if v := found.Versions[0].Err; v == nil || !strings.Contains(v.Error(), "version_label") {
		t.Errorf("an empty answer: got %v, want what is wanted instead", v)
	}
	if strings.Contains(said, "hunter2") {
		t.Errorf("the token shows: %s", said)
	}
}

// A link that may not be read may well lead to the release that runs.
func TestLiveAdvisesOnLinksThatWereRead(t *testing.T) {
	for _, tt := range []struct {
		err     error
		advised bool
	}{
		{fmt.Errorf("readlink: %w", fs.ErrPermission), false},
		{fmt.Errorf("readlink: %w", fs.ErrNotExist), true},
	} {
		a := versionAnswer(&config.Service{Name: "checkout"}, version.Found{Source: version.SourceSymlink, Err: tt.err})
		if !errors.Is(a.Err, tt.err) || strings.Contains(a.Err.Error(), "make it lead") != tt.advised {
			t.Errorf("got %v, want advice: %v", a.Err, tt.advised)
		}
	}
}
