package backtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/config"
)

// UsageError is a setting that cannot be read as it stands on the command line,
// whatever the configuration has.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the mistakes themselves.
func (e *UsageError) Unwrap() error { return e.Err }

// Variants reads the configuration with each set of other values: those of set in
// all of them, those of sweep in every combination, in the order in which they are
// written, the last changing fastest. Without either there is one variant, the
// configuration as it stands.
//
// A setting is `KEY=VALUE`. In a sweep, braces with commas are alternatives:
// `KEY=error_rate > {1%,2%} for {1m,2m}` is four variants. Braces that hold a quote
// or an = are PromQL and stand for themselves. The error is a *UsageError where a
// setting cannot be read or there are too many, else the configuration's.
func Variants(path string, set, sweep []string) ([]Variant, error) {
	var problems []error
	fixed := make([]config.Setting, 0, len(set))
	for _, text := range set {
		s, err := config.ParseSetting(text, "--set")
		problems = append(problems, err)
		fixed = append(fixed, s)
	}
	combinations, err := combine(sweep)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, &UsageError{Err: err}
	}
	var variants []Variant
	said := map[string]bool{}
	for _, texts := range combinations {
		settings := slices.Clip(fixed)
		for _, text := range texts {
			s, err := config.ParseSetting(text, "--sweep")
			if err != nil {
				return nil, &UsageError{Err: err}
			}
			settings = append(settings, s)
		}
		c, report := config.LoadWith(path, settings)
		for _, p := range report.Errors {
			if !said[p.String()] {
				said[p.String()] = true
				problems = append(problems, errors.New(p.String()))
			}
		}
		variants = append(variants, Variant{Config: c, Set: shownSettings(append(slices.Clip(set), texts...))})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return variants, nil
}

// shownSettings writes settings as `key = value`.
func shownSettings(texts []string) []string {
	var shown []string
	for _, text := range texts {
		key, value, _ := strings.Cut(text, "=")
		shown = append(shown, strings.TrimSpace(key)+" = "+strings.TrimSpace(value))
	}
	return shown
}

// combine is every combination of the alternatives of the sweeps: each element
// holds one setting for each sweep.
func combine(sweep []string) ([][]string, error) {
	all := [][]string{nil}
	for _, template := range sweep {
		alternatives, err := alternatives(template)
		if err != nil {
			return nil, err
		}
		if len(all)*len(alternatives) > MaxVariants {
			return nil, fmt.Errorf("--sweep: %d variants and more, at most %d may be played side by side", len(all)*len(alternatives), MaxVariants)
		}
		var next [][]string
		for _, have := range all {
			for _, one := range alternatives {
				next = append(next, append(slices.Clip(have), one))
			}
		}
		all = next
	}
	return all, nil
}

// alternatives are the settings that a template stands for.
func alternatives(template string) ([]string, error) {
	all := []string{""}
	rest := template
	for {
		before, group, after, found := nextGroup(rest)
		for i := range all {
			all[i] += before
		}
		if !found {
			break
		}
		rest = after
		words := strings.Split(group, ",")
		if len(all)*len(words) > MaxVariants {
			return nil, fmt.Errorf("--sweep %q: %d variants and more, at most %d may be played side by side", template, len(all)*len(words), MaxVariants)
		}
		var next []string
		for _, have := range all {
			for _, word := range words {
				if word = strings.TrimSpace(word); word == "" {
					return nil, fmt.Errorf("--sweep %q: {%s} has an empty alternative (want {1%%,2%%})", template, group)
				}
				next = append(next, have+word)
			}
		}
		all = next
	}
	if len(all) == 1 {
		return nil, fmt.Errorf("--sweep %q: there is nothing to choose from (want alternatives in braces, such as error_rate > {1%%,2%%} for 2m; for one value there is --set)", template)
	}
	return all, nil
}

// nextGroup cuts out the first pair of braces that holds alternatives.
func nextGroup(text string) (before, group, after string, found bool) {
	for from := 0; ; {
		start := strings.IndexByte(text[from:], '{')
		if start < 0 {
			return text, "", "", false
		}
		start += from
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return text, "", "", false
		}
		end += start
		group = text[start+1 : end]
		if strings.Contains(group, ",") && !strings.ContainsAny(group, "\"'`={") {
			return text[:start], group, text[end+1:], true
		}
		from = start + 1
	}
}
