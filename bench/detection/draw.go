package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// newDraw makes the random numbers of one thing, such as the third deployment of
// a setting. The same seed and words give the same numbers, in whichever order
// and on however many cores the things are simulated.
func newDraw(seed uint64, number int, words ...string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", words)
	//nolint:gosec // a simulation has to be repeatable, not secret
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(number)*0x9e3779b97f4a7c15))
}

// manyExpected is where counting arrivals one by one becomes slower than
// rejection.
const manyExpected = 10

// poisson draws how many of something happen where so many are expected.
func poisson(r *rand.Rand, expected float64) int {
	switch {
	case expected <= 0:
		return 0
	case expected < manyExpected:
		return poissonByArrivals(r, expected)
	}
	return poissonByRejection(r, expected)
}

// poissonByArrivals multiplies uniform numbers until they are rarer than none at
// all (Knuth).
func poissonByArrivals(r *rand.Rand, expected float64) int {
	none, n := math.Exp(-expected), 0
	for p := r.Float64(); p > none; p *= r.Float64() {
		n++
	}
	return n
}

// poissonByRejection is Hörmann's PTRS: exact, with about 1.1 tries a number.
func poissonByRejection(r *rand.Rand, expected float64) int {
	log := math.Log(expected)
	b := 0.931 + 2.53*math.Sqrt(expected)
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	quick := 0.9277 - 3.6224/(b-2)
	for {
		u, v := r.Float64()-0.5, r.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + expected + 0.43)
		if us >= 0.07 && v <= quick {
			return int(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		factorial, _ := math.Lgamma(k + 1)
		if math.Log(v)+math.Log(inverse)-math.Log(a/(us*us)+b) <= k*log-expected-factorial {
			return int(k)
		}
	}
}

// gamma draws from a gamma distribution with mean 1 and variance 1/shape, for
// a shape below 1 as well (Marsaglia and Tsang, boosted).
func gamma(r *rand.Rand, shape float64) float64 {
	boost, k := 1.0, shape
	if k < 1 {
		boost = math.Pow(1-r.Float64(), 1/k)
		k++
	}
	d := k - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := (1 + c*x) * (1 + c*x) * (1 + c*x)
		if v > 0 && math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v / shape
		}
	}
}
