package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// tick is how often Prometheus scrapes and rollbackd polls: the default of both.
const tick = 15 * time.Second

// usualErrors is the share of requests that fails while all is well.
const usualErrors = 0.0005

// Noise is a kind of weather: how the share of failing requests of a healthy
// service moves.
type noise string

// The kinds of noise.
const (
	// Every request fails or not by itself.
	quiet noise = "quiet"
	// Failures come in clusters: each minute has a failure rate of its own, drawn
	// from a gamma distribution.
	overdispersed noise = "overdispersed"
	// Now and then a fifth of all requests fails for a while, through no fault of
	// the service's version.
	bursty noise = "bursty"
)

func noises() []noise { return []noise{quiet, overdispersed, bursty} }

// The parameters of the noise. docs/detection.md says the same in words.
const (
	clusterLength = 4    // ticks that share one draw of the overdispersed rate
	clusterShape  = 0.25 // of the gamma distribution: standard deviation twice the mean

	burstsADay  = 2.0
	burstErrors = 0.2
	burstMedian = time.Minute
	burstSigma  = 1.0 // of the logarithm of a burst's length
)

// burst is one stretch of failing requests, in time since the deployment.
type burst struct{ from, to time.Duration }

// shares is the share of requests that fails through noise alone, as a function
// of time since the deployment.
type shares struct {
	from time.Duration
	// rate is the usual share of failures of each tick, and bursts what comes on
	// top of it.
	rate   []float64
	bursts []burst
}

// drawShares draws the noise of a stretch of time.
func drawShares(r *rand.Rand, n noise, from time.Duration, ticks int) shares {
	s := shares{from: from, rate: make([]float64, ticks)}
	for i := range s.rate {
		switch {
		case n != overdispersed:
			s.rate[i] = usualErrors
		case i%clusterLength == 0:
			s.rate[i] = min(1, usualErrors*gamma(r, clusterShape))
		default:
			s.rate[i] = s.rate[i-1]
		}
	}
	if n == bursty {
		s.bursts = drawBursts(r, from, from+time.Duration(ticks)*tick)
	}
	return s
}

// longestBurst bounds how far back a burst can have begun that is still felt.
const longestBurst = time.Hour

// drawBursts draws the bursts that touch a stretch of time.
func drawBursts(r *rand.Rand, from, to time.Duration) []burst {
	var found []burst
	rate := burstsADay / (24 * time.Hour).Seconds()
	for at := from - longestBurst; ; {
		at += time.Duration(r.ExpFloat64() / rate * float64(time.Second))
		if at >= to {
			return found
		}
		length := burstMedian.Seconds() * math.Exp(burstSigma*r.NormFloat64())
		b := burst{at, at + min(longestBurst, time.Duration(length*float64(time.Second)))}
		if b.to > from {
			found = append(found, b)
		}
	}
}

// during is the mean share of requests that fails between two times.
func (s shares) during(from, to time.Duration) float64 {
	share := s.usual(from)
	for _, b := range s.bursts {
		if overlap := min(b.to, to) - max(b.from, from); overlap > 0 {
			share = either(share, burstErrors*overlap.Seconds()/(to-from).Seconds())
		}
	}
	return share
}

// at is the share of requests that fails at one moment.
func (s shares) at(t time.Duration) float64 {
	share := s.usual(t)
	for _, b := range s.bursts {
		if b.from <= t && t < b.to {
			share = either(share, burstErrors)
		}
	}
	return share
}

func (s shares) usual(t time.Duration) float64 {
	i := int((t - s.from) / tick)
	return s.rate[max(0, min(i, len(s.rate)-1))]
}

// either is the chance of failing for one of two reasons.
func either(a, b float64) float64 { return 1 - (1-a)*(1-b) }
