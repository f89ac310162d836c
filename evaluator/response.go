// Package evaluator answers whether a service is bad and how bad: it keeps the
// windows of one service's triggers, and turns a severity into a response
// through the severity matrix. It is pure: time and readings come in as
// arguments.
package evaluator

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/trigger"
)

// Directness is how direct a response is. The order matters: a response may
// only ever be replaced by a more direct one, and caps take the smaller.
type Directness int

// The four responses. The zero value is no response at all.
const (
	NoResponse Directness = iota
	Notify
	Approve
	Countdown
	Rollback
)

// String is the word of the matrix.
func (d Directness) String() string {
	switch d {
	case NoResponse:
		return "none"
	case Notify:
		return "notify"
	case Approve:
		return "approve"
	case Countdown:
		return "countdown"
	case Rollback:
		return "rollback"
	}
	return "invalid response"
}

// Response is a cell of the matrix.
type Response struct {
	Directness Directness
	// Wait is the length of a countdown; zero for every other response.
	Wait time.Duration
}

// Cap lowers the response to at most d. A capped countdown loses its wait.
func (r Response) Cap(d Directness) Response {
	if r.Directness <= d {
		return r
	}
	return Response{Directness: d}
}

// String writes the response as the matrix spells it: "countdown 5m".
func (r Response) String() string {
	if r.Directness == Countdown && r.Wait > 0 {
		return "countdown " + model.Duration(r.Wait).String()
	}
	return r.Directness.String()
}

// MarshalJSON writes the word of the matrix.
func (r Response) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Response) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == "none" || text == "" {
		*r = Response{}
		return nil
	}
	v, err := ParseResponse(text, 0)
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// ParseResponse reads a cell of the matrix: "rollback", "countdown",
// "countdown 5m", "approve", "notify". A countdown without a length gets wait.
func ParseResponse(text string, wait time.Duration) (Response, error) {
	word, rest, hasRest := strings.Cut(strings.TrimSpace(text), " ")
	for _, d := range []Directness{Notify, Approve, Countdown, Rollback} {
		if d.String() != word {
			continue
		}
		if !hasRest {
			if d == Countdown {
				return Response{Directness: d, Wait: wait}, nil
			}
			return Response{Directness: d}, nil
		}
		if d != Countdown {
			return Response{}, fmt.Errorf("%q takes no duration (only countdown does)", word)
		}
		length, err := model.ParseDuration(strings.TrimSpace(rest))
		if err != nil || length <= 0 {
			return Response{}, fmt.Errorf("%q is not a duration (try \"countdown 5m\")", strings.TrimSpace(rest))
		}
		return Response{Directness: d, Wait: time.Duration(length)}, nil
	}
	return Response{}, fmt.Errorf("unknown response %q (want rollback, countdown, approve or notify)", word)
}

// Matrix is the severity matrix: for each tier, the response to each severity.
type Matrix map[string]map[trigger.Severity]Response

// Respond is the matrix's answer; NoResponse when the tier or severity is not in it.
func (m Matrix) Respond(tier string, s trigger.Severity) Response { return m[tier][s] }

// DefaultMatrix is the matrix of a file without one, for a single tier
// (CONTRACT.md, [matrix]): critical rolls back, high counts down, medium asks,
// low tells.
func DefaultMatrix(tier string, countdown time.Duration) Matrix {
	return Matrix{tier: {
		trigger.Critical: {Directness: Rollback},
		trigger.High:     {Directness: Countdown, Wait: countdown},
		trigger.Medium:   {Directness: Approve},
		trigger.Low:      {Directness: Notify},
	}}
}
