// Package scenario puts the real brain into a simulated world: test files with
// series, events, faults and expectations, run on simulated time.
//
// There is no second implementation of a meaning here. The world answers
// reads, carries out steps and loses what a crash would lose; every decision is
// the brain's. There is no network, no sleeping and no chance: the same bytes
// in give the same bytes out.
//
// Every case is also held to standing checks that nobody has to write down: a
// replay of the journal gives the same memory byte for byte, no step starts
// without its durable intent, no two steps of a service or of services that
// change together overlap, nothing goes back past the point of no return, and
// nothing forward before it.
package scenario
