package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// templateName is the command that shows what receivers would be told.
const templateName = "template"

// templateFlags are the flags of `rollbackd template`.
type templateFlags struct {
	file, receiver, event string
}

func (a *app) templateCommand() *cobra.Command {
	var f templateFlags
	cmd := &cobra.Command{
		Use:     templateName + " --config.file FILE",
		GroupID: groupRun,
		Short:   "Show what receivers would be told",
		Long: `Prints the text of each message as a receiver would get it, in the words of its own
template where it has one. The messages are samples: one for each event that the
receiver asks for, about an incident that never was. Nothing is sent.`,
		Example: `  rollbackd template --config.file rollbackd.toml
  rollbackd template --config.file rollbackd.toml --receiver ops --event approval_needed`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(needs(cmd, "config.file", f.file), a.checkOutput(cmd)); err != nil {
				return err
			}
			if f.event != "" && !slices.Contains(sampleEvents(), f.event) {
				return usagef(cmd, "--event %s: want %s", f.event, strings.Join(sampleEvents(), ", "))
			}
			return a.template(cmd, f)
		},
	}
	cmd.Flags().StringVar(&f.file, "config.file", "", "the configuration: a file, or a folder of *.toml (required)")
	cmd.Flags().StringVar(&f.receiver, "receiver", "", "only this receiver")
	cmd.Flags().StringVar(&f.event, "event", "", "only this event, whether the receiver asks for it or not")
	a.outputFlag(cmd)
	return cmd
}

// said is what a receiver would be told, as JSON.
type said struct {
	Receiver  string `json:"receiver"`
	Event     string `json:"event"`
	FirstLine string `json:"first_line"`
	Text      string `json:"text"`
}

func (a *app) template(cmd *cobra.Command, f templateFlags) error {
	c, err := a.usableConfig(f.file)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(c.Receivers))
	if f.receiver != "" {
		if !slices.Contains(names, f.receiver) {
			return usagef(cmd, "--receiver %s: there is %s", f.receiver, strings.Join(names, ", "))
		}
		names = []string{f.receiver}
	}
	all := []said{}
	for _, name := range names {
		told, err := sayings(c.Receivers[name], f.event)
		if err != nil {
			return fmt.Errorf("receivers.%s: %w", name, err)
		}
		all = append(all, told...)
	}
	p := a.page()
	for i, s := range all {
		if i > 0 {
			p.line("")
		}
		p.line("%s", p.bold("# "+s.Receiver+", "+s.Event))
		for line := range strings.SplitSeq(s.Text, "\n") {
			p.line("%s", plain(line))
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return a.print(data, p)
}

// sayings are what one receiver would be told: of an event, or of all that it asks for.
func sayings(r config.Receiver, event string) (all []said, err error) {
	for _, m := range notify.Samples() {
		asked := len(r.Events) == 0 || slices.Contains(r.Events, m.Event) ||
			m.Event == "closed" && slices.Contains(r.Events, incident.SignalRootCause) // that comes with this one
		if event != "" && m.Event != event || event == "" && !asked {
			continue
		}
		first, text := m.FirstLine, m.Text
		if r.Text != "" {
			t, err := notify.ParseTemplate(r.Text)
			if err != nil {
				return nil, err
			}
			if first, text, err = t.Say(m, m.At); err != nil {
				return nil, err
			}
		}
		all = append(all, said{r.Name, m.Event, first, text})
	}
	return all, nil
}

// sampleEvents are the events that there is a sample of.
func sampleEvents() (events []string) {
	for _, m := range notify.Samples() {
		events = append(events, m.Event)
	}
	return events
}
