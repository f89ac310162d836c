package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/daemon"
	"github.com/rollbackd/rollbackd/report"
)

// reportName is the command that writes an incident down.
const reportName = "report"

// reportFlags are what a report is asked for by.
type reportFlags struct{ format, audience, journal, external string }

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	cmd := a.clientFlags(&cobra.Command{
		Use:     reportName + " ID",
		GroupID: groupWatch,
		Short:   "Write an incident down: what happened, why, what it cost, and the evidence",
		Long: `Writes one incident down for those who were not there: a summary, the timeline, the
triggers with their samples and where the time went before anything was done, what
was decided and who did what, the rollback's phases and steps against its SLA, the
impact, how things were before, and what was seen afterwards. What is not on record
is said to be not known. Root cause, lessons and follow-up actions are left for
people. A service may be named instead of an ID: its open incident is reported, or
else its newest closed one.

--format metrics and failures are the numbers, and what went wrong with who was told
when, as JSON. --for writes a short draft for customers, executives or support. It
is a draft: nothing is sent, and what stands in [brackets] is for you to fill in.

--journal reads the journal's file itself, for when there is no daemon to ask.`,
		Example: `  rollbackd report checkout
  rollbackd report checkout-20260301-030205 --format html > report.html
  rollbackd report checkout --for customers
  rollbackd report checkout --journal /var/lib/rollbackd/journal.db`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask, err := a.askOf(cmd, f)
			if err != nil {
				return err
			}
			text, err := a.written(cmd.Context(), args[0], ask, f)
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		},
	})
	cmd.Flags().StringVar(&f.format, "format", "", "markdown (the default), json, html, metrics or failures")
	cmd.Flags().StringVar(&f.audience, "for", "", "a draft for customers, executives or support instead of the report")
	cmd.Flags().StringVar(&f.journal, "journal", "", "read this journal instead of asking the daemon")
	cmd.Flags().StringVar(&f.external, "web.external-url", "", "with --journal: where the page is reached, for the link")
	return cmd
}

// askOf is what the flags ask for. -o json is another word for --format json.
func (a *app) askOf(cmd *cobra.Command, f reportFlags) (report.Ask, error) {
	if f.format == "" && a.output == "json" && f.audience == "" {
		f.format = string(report.JSON)
	}
	ask, err := report.ParseAsk(f.format, f.audience)
	if err != nil {
		return ask, usagef(cmd, "--%s", strings.ReplaceAll(err.Error(), "\n", "\n--"))
	}
	if f.external != "" && f.journal == "" {
		return ask, usagef(cmd, "--web.external-url goes with --journal: the daemon knows its own")
	}
	return ask, nil
}

// written is the report, from the daemon or from a journal's file.
func (a *app) written(ctx context.Context, id string, ask report.Ask, f reportFlags) ([]byte, error) {
	if f.journal == "" {
		c, err := a.client()
		if err != nil {
			return nil, err
		}
		return c.report(ctx, id, ask)
	}
	inc, err := daemon.Recorded(ctx, f.journal, id)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = report.Write(&b, inc, ask, report.Options{Now: a.clock.Now(), ExternalURL: f.external})
	return b.Bytes(), err
}

// report asks the daemon for a report: of an incident, of a service's open one, or
// of its newest.
func (c *client) report(ctx context.Context, id string, ask report.Ask) ([]byte, error) {
	text, err := c.document(ctx, reportPath(id, ask))
	if refused, is := errors.AsType[*refusalError](err); !is || refused.status != http.StatusNotFound {
		return text, err
	}
	i, _, failed := fetchAny(ctx, c, id)
	if failed != nil {
		return nil, err
	}
	return c.document(ctx, reportPath(i.ID, ask))
}

func reportPath(id string, ask report.Ask) string {
	query := url.Values{"format": {string(ask.Format)}}
	if ask.For != "" {
		query = url.Values{"for": {string(ask.For)}}
	}
	return "/api/v1/incidents/" + url.PathEscape(id) + "/report?" + query.Encode()
}

// document reads an answer that is no envelope but the thing itself; a refusal is
// an envelope all the same.
func (c *client) document(ctx context.Context, path string) ([]byte, error) {
	status, text, err := c.exchange(ctx, http.MethodGet, path, nil)
	if err != nil || status == http.StatusOK {
		return text, err
	}
	_, err = open(status, text, nil)
	if refused, is := errors.AsType[*refusalError](err); is {
		refused.Envelope.Error += c.hint(status)
	}
	if err == nil {
		err = fmt.Errorf("the daemon answered with status %d (is it of another version?)", status)
	}
	return nil, err
}
