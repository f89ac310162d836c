package incident_test

import (
	"testing"

	"github.com/rollbackd/rollbackd/incident"
)

func TestWhoWasProbablyMeant(t *testing.T) {
	for service, want := range map[string]string{
		"leger": `service "leger" is not configured (did you mean "ledger"?)`,
		"quite": `service "quite" is not configured`,
	} {
		if got := incident.NotConfigured(service, []string{"checkout", "ledger"}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
