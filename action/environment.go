package action

import (
	"fmt"
	"strconv"
	"strings"
)

// environment is the whole environment of an exec step, in a fixed order. The
// versions come from outside and must keep the rule for values, though they may
// be empty; the other texts are made harmless.
func (r *Runner) environment(req Request) ([]string, error) {
	for _, name := range []string{"running_version", "target_version"} {
		if v := req.Values[name]; v != "" {
			if err := CheckValue(v); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	env := []string{"PATH=" + r.o.Path, "HOME=" + r.o.Home}
	for _, v := range [][2]string{
		{"SERVICE", req.Service},
		{"INCIDENT", req.Incident},
		{"RUNNING_VERSION", req.Values["running_version"]},
		{"TARGET_VERSION", req.Values["target_version"]},
		{"SEVERITY", req.Values["severity"]},
		{"TRIGGER", req.Values["trigger"]},
		{"REASON", req.Reason},
		{"FENCE", strconv.FormatUint(req.Fence, 10)},
		{"ATTEMPT", strconv.Itoa(req.Attempt)},
		{"STEP", req.Name},
		{"GATE_TOKEN", req.Values["gate_token"]},
	} {
		env = append(env, "ROLLBACKD_"+v[0]+"="+environmentText(v[1]))
	}
	return env, nil
}

// environmentText makes a text one harmless line. Old shells run what follows a
// function's head at the beginning of a variable.
func environmentText(text string) string {
	text = head(strings.ReplaceAll(harmless(text), "\n", " "), lineSize)
	if strings.HasPrefix(text, "()") {
		return " " + text
	}
	return text
}
