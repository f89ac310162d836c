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
// exception: a file that is not TOML has just that one error.
package config
