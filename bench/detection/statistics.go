package main

import (
	"math"
	"slices"
	"time"
)

// outcome is what came of some deployments of one kind under one trigger.
type outcome struct {
	deployments int
	// delays are the times from the deployment to the rollback's start, of those
	// that were rolled back, the shortest first.
	delays []time.Duration
}

func (o *outcome) add(other outcome) {
	o.deployments += other.deployments
	o.delays = append(o.delays, other.delays...)
	slices.Sort(o.delays)
}

// share is the part of the deployments that was rolled back.
func (o outcome) share() float64 {
	if o.deployments == 0 {
		return 0
	}
	return float64(len(o.delays)) / float64(o.deployments)
}

// interval95 bounds the share that longer measuring would find, with 95 %
// confidence (Wilson).
func (o outcome) interval95() (low, high float64) {
	const z = 1.959964
	n, p := float64(o.deployments), o.share()
	if n == 0 {
		return 0, 1
	}
	middle := p + z*z/(2*n)
	reach := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return max(0, (middle-reach)/scale), min(1, (middle+reach)/scale)
}

// delay is a quantile of the delays: the shortest that so many do not exceed.
// Zero without any.
func (o outcome) delay(q float64) time.Duration {
	if len(o.delays) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(o.delays)))) - 1
	return o.delays[max(0, i)]
}
