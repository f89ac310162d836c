package publish

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// head is the newest entry of the journal, said aloud: whoever keeps it notices
// when the end of the journal is cut off or written anew.
type head struct {
	Seq  uint64    `json:"seq"`
	Hash string    `json:"hash"`
	At   time.Time `json:"at"` // when this was said
	Host string    `json:"host"`
}

// publishHead says where the journal ends. An empty one has nothing to say.
func (p *Publisher) publishHead(ctx context.Context) error {
	seq, hash := p.o.Head()
	if seq == 0 {
		return nil
	}
	body, err := json.Marshal(head{Seq: seq, Hash: hash, At: p.clock.Now().UTC().Round(0), Host: p.o.Host})
	if err != nil {
		return err
	}
	msg := nats.NewMsg(p.o.Prefix + ".journal." + kindHead)
	msg.Header.Set("Content-Type", "application/json")
	msg.Data = body
	return p.send(ctx, msg)
}

// lastWord is the end of a subject: the kind.
func lastWord(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }
