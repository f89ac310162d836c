// Package simulate hunts for our own mistakes. It makes seeded random worlds
// (configurations, deployments, faults, people, crashes, clocks that are set),
// plays each of them with the real brain and holds it to the invariants that
// every simulated case is held to. A world that breaks one is made smaller for
// as long as it still breaks it, and written down as a test file that anybody
// can play with `rollbackd test`.
//
// A world is a test file from the beginning: the generator writes nothing that
// a person could not have written. The same seed is the same file, on every
// machine.
package simulate
