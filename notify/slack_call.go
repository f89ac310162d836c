package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/slack-go/slack"
)

// slackCall is Slack's API with the token as it is now. It asks for itself: the
// library's client, with its other methods that nothing calls and the linker cannot
// leave out, makes the program 1.7 MB larger.
type slackCall struct {
	client  *http.Client
	url     string
	token   string
	channel string
}

func (s *Slack) call() (slackCall, error) {
	token, err := readSecret("slack token", s.options.Token)
	if err != nil {
		return slackCall{}, err
	}
	return slackCall{client: s.client, url: s.options.APIURL, token: token, channel: s.options.Channel}, nil
}

// post posts a message, as a reply to thread where there is one, and says where it
// is.
func (c slackCall) post(ctx context.Context, channel, thread string, what slackText) (root slackRoot, err error) {
	where := url.Values{"channel": {channel}}
	if thread != "" {
		where.Set("thread_ts", thread)
	}
	root.Channel, root.TS, err = c.ask(ctx, "chat.postMessage", where, what)
	if refusesBlocks(err) { // rather plain than not at all
		what.blocks = nil
		root.Channel, root.TS, err = c.ask(ctx, "chat.postMessage", where, what)
	}
	if err == nil && root.TS == "" {
		return root, &DeliveryError{Problem: "Slack's answer names no message"}
	}
	return root, c.explain(err)
}

// update makes a root say something else.
func (c slackCall) update(ctx context.Context, root slackRoot, what slackText) error {
	where := url.Values{"channel": {root.Channel}, "ts": {root.TS}}
	_, _, err := c.ask(ctx, "chat.update", where, what)
	if refusesBlocks(err) {
		what.blocks = []slack.Block{} // an empty list takes those away that the message has
		_, _, err = c.ask(ctx, "chat.update", where, what)
	}
	return c.explain(err)
}

// ask calls a method that says something, and tells where Slack has it.
func (c slackCall) ask(ctx context.Context, method string, where url.Values, what slackText) (channel, ts string, err error) {
	form, err := what.form()
	if err != nil {
		return "", "", err
	}
	form.Set("token", c.token)
	maps.Copy(form, where)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+method, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = response.Body.Close() }()
	var said struct {
		slack.SlackResponse
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return "", "", err
	}
	return said.Channel, said.TS, said.Err()
}

// gone is the answer of Slack to an edit of a message, or a reply to one, that
// cannot be edited or replied to any more.
type gone struct{ DeliveryError }

func isGone(err error) bool {
	_, is := errors.AsType[*gone](err)
	return is
}

func refusesBlocks(err error) bool {
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && slices.Contains([]string{"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}, answer.Err)
}

// slackPause is the wait where Slack says that it was too much, and not for how
// long to be quiet.
const slackPause = 30 * time.Second

// explain turns an error of Slack's into one that says what to do.
func (c slackCall) explain(err error) error {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*DeliveryError](err); ok {
		return failure
	}
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok {
		return bare(err)
	}
	failure := DeliveryError{Problem: "Slack answered" + excerpt([]byte(answer.Err))}
	switch answer.Err {
	case "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message":
		return &gone{failure}
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		failure.RetryAfter = slackPause
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org":
	default:
		failure.Refused = true
		failure.Problem += c.advice(answer.Err)
	}
	return &failure
}

// advice is what a person can do about a refusal; empty where that is not known.
func (c slackCall) advice(word string) string {
	switch word {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type":
		return ": put a valid bot token (xoxb-…) into token_file"
	case "missing_scope", "no_permission", "access_denied":
		return ": give the app the scope chat:write and install it again"
	case "channel_not_found":
		return ": there is no channel " + strconv.Quote(oneLine(c.channel)) + " that the bot can see: write its ID, and invite the bot"
	case "not_in_channel":
		return ": invite the bot to channel " + strconv.Quote(oneLine(c.channel))
	case "is_archived":
		return ": channel " + strconv.Quote(oneLine(c.channel)) + " is archived: choose another"
	}
	return ""
}

// judged lets only good answers through: others become a DeliveryError that knows
// Retry-After in all its forms. No answer is read without bound.
type judged struct {
	next  http.RoundTripper
	clock clock.Clock
}

// RoundTrip implements http.RoundTripper.
func (j judged) RoundTrip(request *http.Request) (*http.Response, error) {
	next := j.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	closed := response.Body.Close()
	if err := errors.Join(err, closed); err != nil {
		return nil, err
	}
	if err := (answer{response.StatusCode, response.Header, body}).judge(j.clock.Now()); err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "{") {
		return nil, &DeliveryError{Problem: "answered, and not as Slack does" + excerpt(body)}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}
