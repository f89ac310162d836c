package record

import (
	"fmt"
	"strconv"
	"strings"
)

// Head is the end of a record: its newest entry's number and hash. Published
// somewhere else, it shows that nothing up to there was cut off or rewritten since.
type Head struct {
	Seq uint64
	// Hash is in hex; where it was published short, its beginning.
	Hash string
}

// shortest is how much of a hash in hex a head must have at least: what the metric
// holds, 48 bits.
const shortest = 12

// String is the form in which a head is published: "412:9f86d0…".
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// ParseHead reads a head as it was published. At least 12 digits of the hash are needed.
func ParseHead(s string) (Head, error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(s), ":")
	seq, err := strconv.ParseUint(number, 10, 63)
	if !ok || err != nil || seq == 0 {
		return Head{}, fmt.Errorf("%.80q is not NUMBER:HASH, as in the log's line \"journal head\"", s)
	}
	hash = strings.ToLower(hash)
	if strings.Trim(hash, "0123456789abcdef") != "" || len(hash) < shortest || len(hash) > 64 {
		return Head{}, fmt.Errorf("%.80q: the hash must be %d to 64 hexadecimal digits", s, shortest)
	}
	return Head{Seq: seq, Hash: hash}, nil
}

// names tells whether the head was that of an entry with this hash.
func (h Head) names(hash string) bool { return strings.HasPrefix(hash, h.Hash) }
