package daemon

import "github.com/hashicorp/go-hclog"

// discreet hides secrets in what channels warn of: a receiver's answer may repeat
// the token that it refuses.
type discreet struct {
	hclog.Logger
	mask func(string) string
}

// Warn hides secrets in the texts and errors among args.
func (d discreet) Warn(msg string, args ...any) { d.Logger.Warn(msg, d.hidden(args)...) }

// Error hides secrets in the texts and errors among args.
func (d discreet) Error(msg string, args ...any) { d.Logger.Error(msg, d.hidden(args)...) }

func (d discreet) hidden(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			out[i] = d.mask(v)
		case error:
			out[i] = d.mask(v.Error())
		default:
			out[i] = arg
		}
	}
	return out
}
