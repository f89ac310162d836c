package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/source/prom"
)

// BenchmarkHour asks three metrics about an hour of ten series, tick by tick and as
// one range.
func BenchmarkHour(b *testing.B) {
	store := engine.NewStore()
	for i := range 10 {
		code := []string{"200", "500"}[i%2]
		add(b, store, fmt.Sprintf(`http_requests_total{service="s%d",code=%q}`, i/2, code), counting(0, 100, 241)...)
	}
	o := prom.Options{Metrics: []prom.Metric{
		{Name: "error_rate", Bad: `sum by (service) (rate(http_requests_total{code=~"5.."}[1m]))`, Total: `sum by (service) (rate(http_requests_total[1m]))`},
		{Name: "rate", Query: `sum by (service) (rate(http_requests_total[5m]))`},
		{Name: "most", Query: `max by (service) (http_requests_total)`},
	}}
	for i := range 5 {
		o.Services = append(o.Services, prom.Service{Name: fmt.Sprint("s", i)})
	}
	src := source(b, engine.New(engine.Options{}), store, o)
	b.Run("instants", func(b *testing.B) {
		for b.Loop() {
			for tick := range 241 {
				a := src.Read(b.Context(), after(tick), []string{"error_rate", "rate", "most"}, "")
				if got := a["error_rate"].Reading("s1").Value; tick == 240 && got != 0.5 {
					b.Fatalf("error rate %v", got)
				}
			}
		}
	})
	b.Run("range", func(b *testing.B) {
		for b.Loop() {
			samples, err := src.Rebuild(b.Context(), epoch, epoch.Add(time.Hour))
			if err != nil {
				b.Fatal(err)
			}
			if got := samples[240].Answers["error_rate"].Reading("s1").Value; got != 0.5 {
				b.Fatalf("error rate %v", got)
			}
		}
	})
}
