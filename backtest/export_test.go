package backtest

import (
	"context"
	"time"

	"github.com/rollbackd/rollbackd/incident"

	"github.com/rollbackd/rollbackd/source/prom"
)

// Alternatives are the settings that a template of --sweep stands for.
func Alternatives(template string) ([]string, error) { return alternatives(template) }

// PlayMade plays a period whose pages are made instead of fetched; make gives one
// metric's history. It returns the time that playing took, making aside.
func PlayMade(o Options, now func() time.Time, made func(metric string, from time.Time, ticks int) *prom.History) (*Report, time.Duration, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, 0, err
	}
	need, err := newDemand(o)
	if err != nil {
		return nil, 0, err
	}
	s := newStage(o, need)
	var took time.Duration
	for _, p := range need.pages {
		pg := &page{stretch: p}
		for _, m := range need.metrics {
			pg.metrics = append(pg.metrics, made(m.name, p.from, p.ticks))
		}
		began := now()
		if err := s.play(context.Background(), pg); err != nil {
			return nil, 0, err
		}
		took += now().Sub(began)
	}
	return s.report(), took, nil
}

// EveryTick leaves nothing out.
func EveryTick(o Options) Options {
	o.everyTick = true
	return o
}

// Fold makes results of the entries of a journal, as a backtest does of its own.
func Fold(o incident.Options, journal []incident.Entry) map[string]*ServiceResult {
	r := newRecorder(o)
	for _, e := range journal {
		r.take(e)
	}
	r.finish(time.Time{}, incident.New(o))
	return r.services
}
