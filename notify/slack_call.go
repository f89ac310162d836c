package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/slack-go/slack"
)

// slackCall is Slack's API with the token as it is now.
type slackCall struct {
	api     *slack.Client
	channel string
}

func (s *Slack) call() (slackCall, error) {
	token, err := readSecret("slack token", s.options.Token)
	if err != nil {
		return slackCall{}, err
	}
	api := slack.New(token, slack.OptionAPIURL(s.options.APIURL), slack.OptionHTTPClient(s.client))
	return slackCall{api: api, channel: s.options.Channel}, nil
}

// post posts a message and says where it is.
func (c slackCall) post(ctx context.Context, channel string, what slackText, where ...slack.MsgOption) (root slackRoot, err error) {
	root.Channel, root.TS, err = c.api.PostMessageContext(ctx, channel, append(what.options(), where...)...)
	if refusesBlocks(err) { // rather plain than not at all
		what.blocks = nil
		root.Channel, root.TS, err = c.api.PostMessageContext(ctx, channel, append(what.options(), where...)...)
	}
	if err == nil && root.TS == "" {
		return root, &DeliveryError{Problem: "Slack's answer names no message"}
	}
	return root, c.explain(err)
}

// update makes a root say something else.
func (c slackCall) update(ctx context.Context, root slackRoot, what slackText) error {
	_, _, _, err := c.api.UpdateMessageContext(ctx, root.Channel, root.TS, what.options()...)
	if refusesBlocks(err) {
		what.blocks = nil
		_, _, _, err = c.api.UpdateMessageContext(ctx, root.Channel, root.TS, append(what.options(), slack.MsgOptionBlocks())...)
	}
	return c.explain(err)
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

// judged lets only good answers through to Slack's client: others become a
// DeliveryError that knows Retry-After in all its forms. No answer is read without
// bound.
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
