package main

import (
	"math"
	"testing"
)

// moments are the mean and the variance of n draws.
func moments(n int, draw func() float64) (mean, variance float64) {
	var sum, squares float64
	for range n {
		x := draw()
		sum += x
		squares += x * x
	}
	mean = sum / float64(n)
	return mean, squares/float64(n) - mean*mean
}

// wantNear fails where a value is further from what it should be than a share.
func wantNear(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*want {
		t.Errorf("%s = %v, want %v give or take %v%%", what, got, want, 100*share)
	}
}

func TestPoissonHasItsMoments(t *testing.T) {
	// On both sides of the change of method, and as many as 500 requests a second.
	for _, expected := range []float64{0.004, 0.3, 7.5, 9.999, 10, 11.3, 75, 7500} {
		r := newDraw(1, 0, "poisson")
		mean, variance := moments(200_000, func() float64 { return float64(poisson(r, expected)) })
		share := 0.01 + 4/math.Sqrt(200_000*expected)
		wantNear(t, "mean", mean, expected, share)
		wantNear(t, "variance", variance, expected, 2*share)
	}
	if n := poisson(newDraw(1, 0), 0); n != 0 {
		t.Errorf("poisson(0) = %d, want 0", n)
	}
}

// TestPoissonIsPoisson compares how often each number comes with how often it
// should, by the chi-square test.
func TestPoissonIsPoisson(t *testing.T) {
	const draws = 200_000
	for _, expected := range []float64{3, 10, 30} {
		r, counts := newDraw(2, 0, "poisson"), map[int]float64{}
		for range draws {
			counts[poisson(r, expected)]++
		}
		chi, cells := 0.0, 0
		for n := range 100 {
			factorial, _ := math.Lgamma(float64(n) + 1)
			want := draws * math.Exp(float64(n)*math.Log(expected)-expected-factorial)
			if want >= 20 {
				chi += (counts[n] - want) * (counts[n] - want) / want
				cells++
			}
		}
		// Its mean is the number of cells, its variance twice that.
		if limit := float64(cells) + 4*math.Sqrt(2*float64(cells)); chi > limit || cells < 8 {
			t.Errorf("mean %v: chi-square %.1f over %d cells, want at most %.1f over at least 8", expected, chi, cells, limit)
		}
	}
}

func TestGammaHasItsMoments(t *testing.T) {
	for _, shape := range []float64{clusterShape, 1, 4} {
		r := newDraw(3, 0, "gamma")
		mean, variance := moments(400_000, func() float64 { return gamma(r, shape) })
		wantNear(t, "mean", mean, 1, 0.02)
		wantNear(t, "variance", variance, 1/shape, 0.05)
	}
}

func TestEachThingHasItsOwnNumbers(t *testing.T) {
	draw := func(seed uint64, number int, words ...string) uint64 { return newDraw(seed, number, words...).Uint64() }
	first := draw(1, 0, "quiet", "5")
	if again := draw(1, 0, "quiet", "5"); again != first {
		t.Errorf("drawn again: %d, want the same %d", again, first)
	}
	for name, other := range map[string]uint64{
		"seed": draw(2, 0, "quiet", "5"), "number": draw(1, 1, "quiet", "5"), "words": draw(1, 0, "quiet", "50"), "split": draw(1, 0, "quiet5"),
	} {
		if other == first {
			t.Errorf("another %s gives the same numbers", name)
		}
	}
}
