package e2e_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/test/world"
)

// begin is how an answer with one series after the other begins.
const begin = `{"status":"success","data":{"resultType":"vector","result":[`

// flood answers with the beginning, and then with the same piece for ever.
func flood(start, piece string) http.HandlerFunc {
	chunk := []byte(strings.Repeat(piece, 1+(64<<10)/len(piece)))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := w.Write([]byte(start))
		for err == nil { // until the client has had enough
			_, err = w.Write(chunk)
		}
	}
}

// bomb answers with a small body that unpacks to a gigabyte.
func bomb() http.HandlerFunc {
	var packed bytes.Buffer
	zip, spaces := gzip.NewWriter(&packed), bytes.Repeat([]byte(" "), 1<<20)
	for range 1024 {
		if _, err := zip.Write(spaces); err != nil {
			panic(err) // a buffer takes everything
		}
	}
	if err := zip.Close(); err != nil {
		panic(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes()) // the client hangs up when it has had enough
	}
}

// TestEndlessAnswers asks a Prometheus that never stops answering. The daemon
// calls that unknown, and its memory stays small.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	series := `{"metric":{"service":"checkout","path":"/a/b/c"},"value":[1700000000,"0.08"]},`
	tests := map[string]http.HandlerFunc{
		"series of our service":   flood(begin, series),
		"series of others":        flood(begin, strings.ReplaceAll(series, "checkout", "other")),
		"one string":              flood(begin+`{"metric":{"service":"`, "x"),
		"one number":              flood(begin+`{"metric":{"service":"checkout"},"value":[1,"`, "1"),
		"warnings":                flood(`{"status":"success","warnings":[`, `"too bad",`),
		"nested arrays":           flood(`{"x":`, "["),
		"a body that is inflated": bomb(),
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endless(t, handler)
		})
	}
}

func endless(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w := world.New(t, world.Options{Program: program, PrometheusURL: server.URL})
	w.Start()
	const errors = "rollbackd_source_errors_total"
	world.Await(t, "ten refused answers", soon, func() (bool, string) {
		n := w.Daemon.Sum(t, errors, "source", "prometheus")
		return n >= 10, fmt.Sprint(n)
	})
	tr := w.Daemon.Service(t, w.Name).Trigger("errors")
	if tr.Truth != "unknown" || tr.State == "firing" || tr.State == "pending" {
		t.Errorf("the trigger is %+v, want unknown", tr)
	}
	if most := w.Daemon.Memory(t, "VmHWM"); most >= 128<<20 {
		t.Errorf("it used %d MB at its most, want less than 128", most>>20)
	} else {
		t.Logf("%d MB at its most; %v", most>>20, w.Daemon.ByLabel(t, errors, "reason"))
	}
}
