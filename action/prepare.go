package action

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Prepare is a plan's built-in first check. It changes nothing and reports every
// problem at once, each with the step's name: a value that cannot be filled in, a
// program that is not there, a symbolic link that could not be switched, a secret
// that cannot be read, a query that nobody could answer. Probes and Ifs are looked
// at like steps, because a missing probe would be found only after a crash. A step
// that is done for several units is one Request for each. What a symbolic link is
// to point to may be missing where an If will be asked: that may be why it is there.
func (r *Runner) Prepare(ctx context.Context, steps []Request) error {
	var problems []error
	for _, req := range steps {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(problems, fmt.Errorf("the check was not finished: %w", err))...)
		}
		if err := r.ready(req); err != nil {
			hide := newMask(r.o.Mask)
			hide.add(req.Values["gate_token"])
			problems = append(problems, errors.New(hide.line(fmt.Sprintf("%s: %v", describe(req), err))))
		}
	}
	return errors.Join(problems...)
}

func (r *Runner) ready(req Request) error {
	a := &attempt{req: req}
	if err := a.prepare(); err != nil {
		return err
	}
	var err error
	if a.condition == nil || a.step.Kind != KindSymlink {
		err = r.possible(a.step)
	}
	if a.condition != nil {
		if e := r.possible(*a.condition); e != nil {
			err = errors.Join(err, fmt.Errorf("if: %w", e))
		}
	}
	if a.probe != nil && a.probe.Kind != KindSymlink {
		if e := r.possible(*a.probe); e != nil {
			err = errors.Join(err, fmt.Errorf("probe: %w", e))
		}
	}
	return err
}

// possible tells whether a step could be carried out at present.
func (r *Runner) possible(s Step) error {
	switch s.Kind {
	case KindExec:
		_, err := lookPath(r.o.Path, s.Argv[0])
		return err
	case KindHTTP:
		var problems []error
		for _, name := range slices.Sorted(maps.Keys(s.HeaderFiles)) {
			if _, err := readSecret(s.HeaderFiles[name]); err != nil {
				problems = append(problems, fmt.Errorf("header_files.%s: %w", name, err))
			}
		}
		return errors.Join(problems...)
	case KindSymlink:
		return checkPlaces(s)
	case KindQuery:
		return r.askable()
	case KindWait, KindApproval:
		return nil
	default:
		return fmt.Errorf("kind %q is not implemented in this version", s.Kind)
	}
}
