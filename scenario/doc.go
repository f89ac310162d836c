// Package scenario puts the real brain into a simulated world: test files with
// series, events, faults and expectations, run on simulated time.
//
// There is no second implementation of a meaning here. The world answers
// reads, carries out steps and loses what a crash would lose; every decision is
// the brain's. There is no network, no sleeping and no chance: the same bytes
// in give the same bytes out.
//
// Every case is also held, after every input, to the twelve invariants of the
// design, which nobody has to write down. Most are an auditor's, who sees only the
// configuration, the inputs, the journal and the steps started, judges windows,
// versions, guards and verifications by rules of its own, and asks the brain for
// nothing; the others replay the journal, and tell a second brain the same.
package scenario
