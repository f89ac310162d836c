// Package incident is the brain: incidents, deployments, guards and rollback
// runs as state machines.
//
// It has one door. Step(now, Input) decides and returns effects; Apply(Entry)
// is the only thing that changes what is remembered, and a replay of the
// journal is Apply alone. Nothing here does I/O, starts a goroutine or reads a
// clock: live, test and simulation differ only in who carries out the effects.
//
// What the brain knows has two parts. The remembered part (incidents, runs,
// ledgers, brakes, budgets) is exactly the journal, replayed. The observed part
// (windows, health streams) is not journalled: it is rebuilt from its sources.
package incident
