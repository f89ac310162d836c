// Package action knows how to undo: it carries out one attempt of one step and
// says truthfully how that ended. It does not know why a step runs, in which
// order, or what follows from a result; whoever calls it decides that.
//
// A step is exec (a program, never a shell), http (one request), symlink (an
// atomic switch), wait, query (PromQL that must hold for a time) or approval (a
// wait for people, which is read and checked here but never run). A step may have
// an If, asked before it, and a probe, asked where its end is not known. What the
// package promises about each:
//
//   - A step that did not run because of a missing tool, a refused connection or
//     a bad value is failed with NothingChanged: it may be tried again.
//   - A timeout, a signal or a connection that broke after something was sent is
//     uncertain and never failed: nobody knows how far the step came. Only a
//     capture, on which nothing hangs, has then failed.
//   - An If that fails, times out or cannot be asked fails the step, which then did
//     not run. After a crash the step is begun only if the attempt's record says
//     that no more than its If had been asked.
//   - What only looks (checks, captures, probes, Ifs) is ended with its processes
//     when its time is over. A process that has made a session of its own is not;
//     it is named where a step's time is over.
//   - A program outlives the daemon. It writes to a file and reads from a file,
//     so a crash of the daemon breaks no pipe, and a later daemon can find it
//     again, wait for it, and ask its probe whether the step is done (Resume).
//   - Nothing that came from outside reaches an argv, URL, path, header or body
//     unless it matches the rule for values (see Expand).
//   - Secrets are hidden from every Output and Error.
//
// The package runs on Linux: it reads /proc to tell a process from a later one
// with the same number.
package action
