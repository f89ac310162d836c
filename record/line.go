package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/journal"
)

// line is one entry in an export. The entry itself comes last, so that its exact
// bytes, which the hash is over, can be cut out of the line without reading JSON.
type line struct {
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
	// Nanoseconds is At since the Unix epoch, as it is hashed.
	Nanoseconds int64           `json:"at_ns"`
	Kind        string          `json:"kind"`
	Service     string          `json:"service"`
	Incident    string          `json:"incident"`
	Prev        string          `json:"prev"`
	Hash        string          `json:"hash"`
	Details     *detailsLine    `json:"details,omitempty"`
	Base64      []byte          `json:"entry_base64,omitempty"` // where it is no JSON on one line
	Entry       json.RawMessage `json:"entry,omitempty"`
}

// detailsLine says where an entry's details are; those that were removed have no salt.
type detailsLine struct {
	At     int    `json:"at"`
	Length int    `json:"length"`
	Salt   string `json:"salt,omitempty"`
	Hash   string `json:"hash"`
}

// encode is a row as a line, its line break included.
func encode(r journal.Row) ([]byte, error) {
	l := line{
		Seq: r.Seq, At: r.At.UTC(), Nanoseconds: r.At.UnixNano(), Kind: r.Kind, Service: r.Service, Incident: r.Incident, Prev: r.Prev, Hash: r.Hash,
	}
	if d := r.Details; d != nil {
		l.Details = &detailsLine{At: d.At, Length: d.Length, Salt: d.Salt, Hash: d.Hash}
	}
	asItIs := isPlainJSON(r.Entry)
	if !asItIs {
		l.Base64 = r.Entry
	}
	head, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", r.Seq, err)
	}
	if !asItIs {
		return append(head, '\n'), nil
	}
	// Not by way of Marshal, which would change a byte here and there.
	head = append(head[:len(head)-1], `,"entry":`...)
	return append(append(head, r.Entry...), '}', '\n'), nil
}

// isPlainJSON tells whether bytes stay what they are as a part of a line.
func isPlainJSON(entry []byte) bool {
	return json.Valid(entry) && !bytes.ContainsAny(entry, "\n\r") && len(bytes.TrimSpace(entry)) == len(entry)
}

// decode reads a line of an export.
func decode(text []byte) (journal.Row, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return journal.Row{}, fmt.Errorf("this is no line of an export: %w", err)
	}
	r := journal.Row{
		Seq: l.Seq, At: time.Unix(0, l.Nanoseconds).UTC(), Kind: l.Kind, Service: l.Service, Incident: l.Incident,
		Entry: l.Entry, Prev: l.Prev, Hash: l.Hash,
	}
	if l.Entry == nil {
		r.Entry = l.Base64
	}
	if r.Entry == nil {
		r.Entry = []byte{}
	}
	if d := l.Details; d != nil {
		r.Details = &journal.Details{At: d.At, Length: d.Length, Salt: d.Salt, Hash: d.Hash}
	}
	if !r.At.Equal(l.At) {
		return r, fmt.Errorf("entry %d: at and at_ns differ", l.Seq)
	}
	return r, nil
}

// asWritten tells whether a line is what Export writes for its row, to the byte: JSON
// lets a line hold a key twice, or one more, and people and programs would read
// what no hash covers.
func asWritten(text []byte, r journal.Row) bool {
	want, err := encode(r)
	return err == nil && bytes.Equal(bytes.TrimSpace(want), text)
}
