package responder

import (
	"encoding/json"

	"github.com/rollbackd/rollbackd/incident"
)

// lasting is an entry as it stays once the details of its incident were removed; nil
// for one that has none.
func lasting(e incident.Entry) []byte {
	short, ok := e.Lasting()
	if !ok {
		return nil
	}
	entry, err := json.Marshal(short)
	if err != nil {
		return nil // the whole entry did marshal; this one then stays as it is
	}
	return entry
}
