package action

import (
	"regexp"
	"strconv"
	"strings"
)

// environmentRule is what a version must look like to stand in an environment:
// one printable word. It is wider than the rule for values, because an
// environment is no argument: nothing comes of it unless the program asks for it.
var environmentRule = regexp.MustCompile(`^[A-Za-z0-9][!-~]{0,127}$`)

// environment is the whole environment of an exec step, in a fixed order. It
// refuses nothing: the worst version, with the strangest name, must not stand in
// the way of leaving it. What could do harm is left empty or made harmless; a
// `${…}` that a step uses is checked by Expand.
func (r *Runner) environment(req Request) []string {
	env := []string{"PATH=" + r.o.Path, "HOME=" + r.o.Home}
	for _, v := range [][2]string{
		{"SERVICE", req.Service},
		{"INCIDENT", req.Incident},
		{"RUNNING_VERSION", environmentVersion(req.Values["running_version"])},
		{"TARGET_VERSION", environmentVersion(req.Values["target_version"])},
		{"SEVERITY", req.Values["severity"]},
		{"TRIGGER", req.Values["trigger"]},
		{"REASON", req.Reason},
		{"FENCE", strconv.FormatUint(req.Fence, 10)},
		{"ATTEMPT", strconv.Itoa(req.Attempt)},
		{"STEP", stepName(req)},
		{"GATE_TOKEN", req.Values["gate_token"]},
	} {
		env = append(env, "ROLLBACKD_"+v[0]+"="+environmentText(v[1]))
	}
	return env
}

// stepName is a step's name as programs see it: "restart", or "restart/web1" for
// one of its units.
func stepName(req Request) string {
	if req.Unit == "" {
		return req.Name
	}
	return req.Name + "/" + req.Unit
}

// environmentVersion is a version as it may stand in an environment; empty where
// it may not. Half a version would be another version.
func environmentVersion(version string) string {
	if !environmentRule.MatchString(version) {
		return ""
	}
	return version
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
