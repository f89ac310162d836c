package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestNoiseHasItsShares measures a hundred days of each noise: its mean, and how
// far its minutes differ.
func TestNoiseHasItsShares(t *testing.T) {
	const days = 100
	ticks := int(days * 24 * time.Hour / tick)
	// A burst lasts e^(σ²/2) times its median on average.
	inBursts := burstsADay * burstMedian.Hours() * math.Exp(burstSigma*burstSigma/2) / 24 * burstErrors
	for _, want := range []struct {
		noise               noise
		mean, deviation     float64 // of the share of a minute
		meanWithin, sdWithn float64
	}{
		{quiet, usualErrors, 0, 0.001, 0},
		{overdispersed, usualErrors, usualErrors / math.Sqrt(clusterShape), 0.03, 0.05},
		{bursty, usualErrors + inBursts, 0.0084, 0.2, 0.2},
	} {
		s := drawShares(newDraw(1, 0, "noise"), want.noise, 0, ticks)
		minute := time.Duration(0)
		mean, variance := moments(days*24*60, func() float64 {
			minute += time.Minute
			return s.during(minute-time.Minute, minute)
		})
		wantNear(t, string(want.noise)+" mean", mean, want.mean, want.meanWithin)
		if sd := math.Sqrt(max(0, variance)); math.Abs(sd-want.deviation) > want.sdWithn*want.deviation+1e-6 {
			t.Errorf("%s: standard deviation %v, want %v", want.noise, sd, want.deviation)
		}
	}
}

func TestBurstsComeTwiceADay(t *testing.T) {
	const days = 2000
	bursts := drawBursts(newDraw(1, 0, "bursts"), 0, days*24*time.Hour)
	wantNear(t, "bursts a day", float64(len(bursts))/days, burstsADay, 0.05)
	var lengths []float64
	for _, b := range bursts {
		lengths = append(lengths, (b.to - b.from).Seconds())
	}
	slices.Sort(lengths)
	wantNear(t, "median length", lengths[len(lengths)/2], 60, 0.05)
	wantNear(t, "95th percentile of the length", lengths[len(lengths)*95/100], 60*math.Exp(1.645), 0.08)
}

func TestABurstThatBeganBeforeIsFelt(t *testing.T) {
	found := 0
	for number := range 3000 {
		for _, b := range drawBursts(newDraw(1, number, "before"), 0, time.Hour) {
			if b.from < 0 {
				found++
			}
		}
	}
	// Two a day, 99 s long on average: 0.0023 are under way at any moment.
	if found < 2 || found > 15 {
		t.Errorf("%d of 3000 stretches begin within a burst, want about 7", found)
	}
}

func TestSharesOfAMoment(t *testing.T) {
	s := shares{rate: []float64{0.1, 0.2}, bursts: []burst{{20 * time.Second, 30 * time.Second}}}
	for _, c := range []struct{ at, want float64 }{{0, 0.1}, {14.9, 0.1}, {15, 0.2}, {20, 0.36}, {29.9, 0.36}, {30, 0.2}, {99, 0.2}} {
		wantNear(t, "share at a moment", s.at(time.Duration(c.at*float64(time.Second))), c.want, 1e-9)
	}
	// Two thirds of the interval are within the burst.
	wantNear(t, "share of an interval", s.during(15*time.Second, 30*time.Second), 1-0.8*(1-burstErrors*2/3), 1e-9)
}
