package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/rollbackd/rollbackd/incident"
)

// Shown names what a yes to an incident is for, as its page shows it: the state,
// what holds it, the way that it goes, and the step that waits. An incident that is
// not as it was shown has another name. It takes the incident in its public form.
func Shown(i *incident.Incident) string {
	parts := []string{string(i.State), string(i.Decision.HeldBy), wayOfIncident(i), i.Decision.Scope}
	for _, holds := range [][]incident.Hold{i.Decision.Holds, i.Decision.Caps} {
		for _, h := range holds {
			parts = append(parts, string(h.Guard))
		}
	}
	if s := waitsAtStep(i); s != nil {
		parts = append(parts, s.Name, s.Unit, fmt.Sprint(s.Attempts))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:6])
}
