package action

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// validate says everything that is wrong with a step, whether or not its `${…}`
// are filled already.
func (s Step) validate() error {
	var problems []error
	s.mapTexts(func(field, text string) string {
		if strings.ContainsRune(text, 0) {
			problems = append(problems, fmt.Errorf("%s: holds a NUL byte", field))
		}
		return text
	})
	switch s.Kind {
	case KindExec:
		problems = append(problems, checkArgv(s.Argv))
	case KindHTTP:
		problems = append(problems, s.checkRequest(), checkHeaders(s.Headers, s.HeaderFiles))
	case KindSymlink:
		problems = append(problems, checkLink(s.Link, s.To))
	case KindQuery:
		problems = append(problems, checkExpr(s.Expr))
	case KindApproval:
		problems = append(problems, checkNeeds(s.Text, s.Needs))
	case KindWait:
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s step: %w", s.Kind, err)
	}
	return nil
}

func checkArgv(argv []string) error {
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("argv: is empty; want a program and its arguments")
	}
	// A relative path would mean another program after the daemon was started
	// from somewhere else.
	if strings.Contains(withoutVariables(argv[0]), "/") && !filepath.IsAbs(argv[0]) {
		return fmt.Errorf("argv[0]: %q is a relative path; want a bare name or an absolute path", argv[0])
	}
	return nil
}

func (s Step) checkRequest() error {
	var problems []error
	methods := []string{
		"", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions,
	}
	if !slices.Contains(methods, s.Method) {
		problems = append(problems, fmt.Errorf("method: %q is not known; want one of%s", s.Method, strings.Join(methods, " ")))
	}
	for _, status := range s.Expect {
		if status < 200 || status > 599 {
			problems = append(problems, fmt.Errorf("expect: %d is not a final HTTP status (200 to 599)", status))
		}
	}
	// The texts in `${…}` are no part of the URL's syntax yet.
	u, err := url.Parse(withoutVariables(s.URL))
	switch {
	case err != nil:
		problems = append(problems, errors.New("url: cannot be read as a URL"))
	case u.Scheme != "http" && u.Scheme != "https", authority(s.URL) == "":
		problems = append(problems, errors.New("url: want http://host/path or https://host/path"))
	case u.User != nil:
		problems = append(problems, errors.New("url: holds a user or password; put credentials into header_files"))
	}
	return errors.Join(problems...)
}

func checkHeaders(headers, files map[string]string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		problems = append(problems, checkHeaderName("headers", name))
		if strings.ContainsFunc(headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			problems = append(problems, fmt.Errorf("headers.%s: holds a control character", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		problems = append(problems, checkHeaderName("header_files", name))
		if !filepath.IsAbs(files[name]) {
			problems = append(problems, fmt.Errorf("header_files.%s: %q is not an absolute path", name, files[name]))
		}
	}
	return errors.Join(problems...)
}

func checkHeaderName(field, name string) error {
	const allowed = "!#$%&'*+-.^_`|~"
	good := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(allowed, r)
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !good(r) }) {
		return fmt.Errorf("%s: %q is not the name of a header", field, name)
	}
	if strings.EqualFold(name, "Idempotency-Key") {
		return fmt.Errorf("%s: rollbackd sets %s itself", field, name)
	}
	return nil
}

func checkLink(link, to string) error {
	var problems []error
	if !filepath.IsAbs(link) || strings.HasSuffix(link, "/") {
		problems = append(problems, fmt.Errorf("link: %q is not the absolute path of a symbolic link", link))
	}
	if to == "" {
		problems = append(problems, errors.New("to: is empty"))
	}
	return errors.Join(problems...)
}

// checkExpr leaves the language to the configuration, which knows PromQL.
func checkExpr(expr string) error {
	if strings.TrimSpace(expr) == "" {
		return errors.New("expr: is empty; want PromQL")
	}
	return nil
}

func checkNeeds(text string, needs map[string]int) error {
	var problems []error
	if strings.ContainsRune(text, 0) {
		problems = append(problems, errors.New("text: holds a NUL byte"))
	}
	total := 0
	for _, role := range slices.Sorted(maps.Keys(needs)) {
		if role == "" || needs[role] < 0 {
			problems = append(problems, fmt.Errorf("needs: %q = %d: want a role and how many of it must say yes", role, needs[role]))
			continue
		}
		total += needs[role]
	}
	if needs != nil && total == 0 && len(problems) == 0 {
		problems = append(problems, errors.New("needs: nobody would have to say yes"))
	}
	return errors.Join(problems...)
}

// authority is the part of a URL between :// and the path.
func authority(text string) string {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return ""
	}
	for part := range parts(rest) {
		if part.variable {
			continue
		}
		// Only a separator outside `${…}` ends it.
		if i := strings.IndexAny(part.text, "/?#"); i >= 0 {
			return rest[:part.at+i]
		}
	}
	return rest
}
