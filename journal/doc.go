// Package journal is what was seen, decided and done: an append-only,
// hash-chained file, and the durable outbox of what people are still to be told.
//
// An entry is on disk, synced, before Append returns. Its notifications are
// written in the same transaction: there is never an entry whose message was
// lost, nor a message about an entry that does not exist. The brain's memory is
// a replay of this file and nothing else.
//
// The file is an SQLite database in WAL mode with one writer. Each entry's hash
// covers the one before it, so a changed, missing or reordered entry is found
// and named. What an entry means is its writer's business: here it is bytes.
package journal
