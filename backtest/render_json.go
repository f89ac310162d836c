package backtest

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the report as one JSON document. Times are RFC 3339 in UTC,
// lengths of time seconds. Its error is the writer's.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
