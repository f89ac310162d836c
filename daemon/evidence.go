package daemon

import (
	"bytes"
	"encoding/json"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/report"
)

// mailChart is how wide and high a chart is in a mail, in pixels.
const mailChartWidth, mailChartHeight = 640, 280

// drawEvidence draws what the first trigger of a message's incident showed that
// anything is known of. It is false where there is nothing to draw.
func drawEvidence(m notify.Message) (svg []byte, ok bool) {
	var inc incident.Incident
	if len(m.Body) == 0 || json.Unmarshal(m.Body, &inc) != nil {
		return nil, false
	}
	for _, ev := range inc.Triggers {
		c, known := report.EvidenceChart(&inc, ev.Name)
		if !known {
			continue
		}
		c.Width, c.Height = mailChartWidth, mailChartHeight
		var b bytes.Buffer
		if err := c.WriteSVG(&b); err != nil {
			return nil, false // the figures are in the text, too
		}
		return b.Bytes(), true
	}
	return nil, false
}
