// Package record proves what the journal says, or names the first entry that is not
// what was written. It also copies the record out, in a form in which somebody else
// can prove it without this program.
//
// The journal knows bytes and hashes; this package knows in addition which entry
// allows that details of others were removed.
package record
