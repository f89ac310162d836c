package prom_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/trigger"
)

// endless repeats text for ever after a beginning, and watches the heap.
type endless struct {
	text  string
	rest  string
	read  int64
	heap  uint64
	until int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if e.rest == "" {
			e.rest = e.text
		}
		k := copy(p[n:], e.rest)
		e.rest, n = e.rest[k:], n+k
	}
	if (e.read+int64(n))>>22 != e.read>>22 { // every 4 MiB
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		e.heap = max(e.heap, m.HeapInuse)
	}
	if e.read += int64(n); e.read > e.until {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAHugeAnswerCostsLittle(t *testing.T) {
	start := `{"status":"success","data":{"resultType":"vector","result":[`
	tests := []struct{ name, start, text, reason string }{
		{"white space", "", strings.Repeat(" ", 4096), "too_large"},
		{"one string", start + `{"metric":{"service":"`, strings.Repeat("a", 4096), "too_large"},
		{"a string of warnings", `{"warnings":["`, strings.Repeat("a", 4096), "too_large"},
		{"nothing but keys", `{`, `"a":1,`, "decode"},
		{"many warnings", `{`, `"warnings":["` + strings.Repeat("w", 1<<20) + `"],`, "too_large"},
		{"one key", `{"`, strings.Repeat("k", 4096), "too_large"},
		{"brackets", start, strings.Repeat("[", 4096), "decode"},
		{"garbage", "", "nonsense", "decode"},
		{"series", start, `{"metric":{"service":"x"},"value":[1,"1"]},`, "too_many_series"},
		{"our own series", start, `{"metric":{"service":"checkout"},"value":[1,"1"]},`, "too_many_series"},
		{"numbers", start, `1,`, "decode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			body := &endless{text: tt.text, rest: tt.start, until: 1 << 30}
			rt := roundTrip(func(*http.Request) (*http.Response, error) { return response(200, body), nil })
			opt := options(rt, prom.Metric{Name: "m", Query: "q"})
			opt.Timeout = time.Minute
			if diff := cmp.Diff(trigger.UnknownBecause(tt.reason), reading(t, opt)); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
			if body.read > 65<<20 {
				t.Errorf("%d bytes were read, want at most max_body", body.read)
			}
			if grown := int64(body.heap) - int64(before.HeapInuse); grown > 64<<20 {
				t.Errorf("the heap grew by %d MiB, want less than 64", grown>>20)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprint("s", i), "1")
	}
	many = append(many, "checkout", "2")
	body := vector(many...)
	tests := []struct {
		name      string
		maxBody   int64
		maxSeries int
		length    int64
		want      trigger.Reading
	}{
		{"all within", math.MaxInt32, 51, -1, trigger.KnownValue(2)},
		{"one series too many", math.MaxInt32, 50, -1, trigger.UnknownBecause("too_many_series")},
		{"a body that says it is too large", 100, 51, 101, trigger.UnknownBecause("too_large")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := roundTrip(func(*http.Request) (*http.Response, error) {
				r := response(200, strings.NewReader(body))
				r.ContentLength = tt.length
				return r, nil
			})
			opt := options(rt, prom.Metric{Name: "m", Query: "q"})
			opt.MaxBody, opt.MaxSeries = tt.maxBody, tt.maxSeries
			if diff := cmp.Diff(tt.want, reading(t, opt)); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzAnswer checks that whatever a server answers, nothing panics, and what is
// called known is a finite value of the unit.
func FuzzAnswer(f *testing.F) {
	f.Add(200, vector("checkout", "0.25"))
	f.Add(200, vector("checkout", "NaN", "checkout", "1"))
	f.Add(200, success("scalar", `[1,"1"]`))
	f.Add(200, success("matrix", `[{"metric":{"service":"checkout"},"values":[[1,"0.5"],[2,"1"]]}]`))
	f.Add(200, success("vector", `[null,{"metric":null,"value":[]}]`))
	f.Add(503, `{"status":"error","errorType":"timeout"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		rt := roundTrip(func(*http.Request) (*http.Response, error) {
			return response(status, strings.NewReader(body)), nil
		})
		s := open(t, options(rt, prom.Metric{Name: "a", Query: "q", Unit: trigger.Ratio}, prom.Metric{Name: "b", Bad: "x", Total: "y"}))
		check := func(answers map[string]trigger.Answer) {
			for name, answer := range answers {
				r := answer.Reading("checkout")
				if r.Presence == trigger.Known && (!(r.Value >= 0 && r.Value <= 1) || status/100 != 2) {
					t.Errorf("%s: %v is known with status %d", name, r.Value, status)
				}
				if r.Presence != trigger.Known && r.Reason == "" {
					t.Errorf("%s: %v without a reason", name, r.Presence)
				}
			}
		}
		check(s.Read(t.Context(), epoch(), []string{"a", "b"}, "checkout"))
		history, _ := s.Rebuild(t.Context(), epoch(), epoch().Add(time.Minute))
		if len(history) != 5 {
			t.Errorf("%d ticks of history, want 5", len(history))
		}
		for _, samples := range history {
			check(samples.Answers)
		}
		_, _ = s.Census(t.Context(), epoch(), "q", "version")
	})
}
