package record_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/record"
)

// TestAnOutsiderCanProveAnExport does what docs/journal.md says, with nothing of this
// program: the bytes after "entry": up to the line's last brace are what was hashed.
func TestAnOutsiderCanProveAnExport(t *testing.T) {
	var out bytes.Buffer
	must(t, record.Export(t.Context(), sealed(t, 12), record.Filter{}, &out))
	sum := func(data string) string {
		s := sha256.Sum256([]byte(data))
		return hex.EncodeToString(s[:])
	}
	prev, divided := "", 0
	for text := range strings.Lines(out.String()) {
		var l struct {
			Seq                                 int
			AtNS                                int64 `json:"at_ns"`
			Kind, Service, Incident, Prev, Hash string
			Details                             *struct {
				At, Length int
				Salt, Hash string
			}
		}
		must(t, json.Unmarshal([]byte(text), &l))
		_, entry, ok := strings.Cut(strings.TrimSuffix(text, "}\n"), `,"entry":`)
		if !ok || l.Prev != prev {
			t.Fatalf("entry %d: no entry in the line, or another one before it", l.Seq)
		}
		head := fmt.Sprintf("%s\n%d\n%d\n%s\n%s\n%s\n", l.Prev, l.Seq, l.AtNS, l.Kind, l.Service, l.Incident)
		hashed := head + entry
		if d := l.Details; d != nil {
			divided++
			salt, err := hex.DecodeString(d.Salt)
			must(t, err)
			if got := sum(string(salt) + entry[d.At:d.At+d.Length]); got != d.Hash {
				t.Errorf("entry %d: its details have the hash %s, not %s", l.Seq, got, d.Hash)
			}
			hashed = fmt.Sprintf("form 2\n%s%s\n%d\n%s\n", head, sum(entry[:d.At]+entry[d.At+d.Length:]), d.At, d.Hash)
		}
		if got := sum(hashed); got != l.Hash {
			t.Errorf("entry %d: the formula gives %s, not %s", l.Seq, got, l.Hash)
		}
		prev = l.Hash
	}
	if divided != 3 {
		t.Errorf("%d entries had details, want 3", divided)
	}
}
