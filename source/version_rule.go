package source

import "regexp"

// versionRule is wider than the rule for values put into a step (v2~rc1 can
// run): that one is checked where a step is filled in.
var versionRule = regexp.MustCompile(`^[A-Za-z0-9][!-~]{0,127}$`)

// VersionWanted says in words what IsVersion accepts.
const VersionWanted = "at most 128 printable ASCII characters without spaces, beginning with a letter or digit"

// IsVersion tells whether a text can be the version of something that runs.
func IsVersion(text string) bool { return versionRule.MatchString(text) }
