package backtest

// LoadLabels reads a file of [[incident]] tables: service, name, from and to, and
// perhaps bad_version and deployment (true unless it says false). The error names
// every mistake, one a line, as file:line: key: problem.
func LoadLabels(path string, services []string) ([]Label, error) {
	var all []Label
	err := readFile(path, "incident", services, func(e *entry) { all = append(all, e.label()) })
	return all, err
}

// ParseLabels is LoadLabels of a text; the path is for messages.
func ParseLabels(path, text string, services []string) ([]Label, error) {
	var all []Label
	err := parseFile(path, "incident", text, services, func(e *entry) { all = append(all, e.label()) })
	return all, err
}

func (e *entry) label() Label {
	l := Label{
		Service: e.service(), Name: e.required("name"), From: e.time("from"), To: e.time("to"),
		BadVersion: e.text("bad_version"), Deployment: e.flag("deployment", true),
	}
	if !l.From.IsZero() && !l.To.IsZero() && !l.From.Before(l.To) {
		e.problem("to", "must be after from (%s)", stamp(l.From))
	}
	if l.BadVersion != "" && !l.Deployment {
		e.problem("bad_version", "names a version to blame, but deployment = false says that no deployment caused it: keep one")
	}
	return l
}
