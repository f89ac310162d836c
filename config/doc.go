// Package config reads rollbackd's TOML file into plain values: it fills in the
// defaults, finds every mistake at once and says where each one is. It starts
// nothing, opens no connection and reads no secret; secrets stay references to
// files or variables until somebody uses them.
//
// A file is decoded in three passes. First the TOML library turns it into plain
// tables, and a small scanner notes the line of every key (walk.go, lines.go).
// Then each table is read by a function of its own that checks each key's type
// and range (one file a table). At last names are resolved, queries and
// conditions parsed and everything checked against everything else (resolve.go,
// lint.go). A problem in one pass never hides those of another, with one
// exception: a file that is not TOML has just that one error. TOML means version
// 1.0; what the library takes of 1.1 is refused by the scanner.
//
// The same functions make the schema for editors (schema.go): they are run over a
// file of which every table is there and no key, and what they ask for by table's
// methods is what a key takes (sketch.go). A reader that looks at a value by itself
// says beside it what it takes.
//
// A secret that stands in the file is refused wherever its key, header or
// parameter gives it away. In an exec step's arguments and in a request's body
// nothing does: what is written there is journalled and printed as it stands.
package config
