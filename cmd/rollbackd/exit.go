package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

// The exit codes of every command but rollback; rehearse has its 64 and 69.
const (
	exitFine     = 0
	exitProblem  = 1
	exitUsage    = 2
	exitWarnings = 3
)

// The exit codes of rollback, which a pipeline acts on: 2 to 4 are how the
// rollback ended, the others (of sysexits.h) that there was none.
const (
	exitBlocked         = 2
	exitAborted         = 3
	exitPartial         = 4
	exitRollbackUsage   = 64
	exitRollbackNoReply = 69
)

// rollbackName is the command with exit codes of its own.
const rollbackName = "rollback"

// usageError is a command line that cannot be carried out as it stands.
type usageError struct {
	cmd  *cobra.Command
	text string
}

func (e *usageError) Error() string { return e.text }

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd: cmd, text: fmt.Sprintf(format, args...)}
}

// exitError ends with a code of its own. A nil err says nothing: what there was
// to say has been written.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit says what went wrong and turns it into the exit code.
func (a *app) exit(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitFine
	}
	if usage, is := errors.AsType[*usageError](err); is {
		path := usage.cmd.CommandPath()
		_, _ = fmt.Fprintf(a.stderr, "%s: %v\nSee \"%s --help\".\n", path, usage, path)
		if codesOfItsOwn(usage.cmd.Name()) {
			return exitRollbackUsage
		}
		return exitUsage
	}
	code, text := exitProblem, err
	if own, is := errors.AsType[*exitError](err); is {
		code, text = own.code, own.err
	}
	switch cmd.Name() {
	case rollbackName:
		code = rollbackCode(err, code)
	case rehearseName:
		code = rehearseCode(err)
	}
	if text != nil {
		_, _ = fmt.Fprintf(a.stderr, "%s: %v\n", cmd.CommandPath(), text)
	}
	return code
}

// rollbackCode is the exit code of rollback for an error; otherwise where the
// error is of no kind that has one.
func rollbackCode(err error, otherwise int) int {
	if _, gone := errors.AsType[*goneError](err); gone {
		return exitRollbackNoReply
	}
	if _, gone := errors.AsType[*unreachableError](err); gone {
		return exitRollbackNoReply
	}
	refused, is := errors.AsType[*refusalError](err)
	if !is {
		return otherwise
	}
	switch refused.status {
	case http.StatusConflict:
		return exitBlocked
	case http.StatusServiceUnavailable:
		return exitRollbackNoReply
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return exitRollbackUsage // as it stands it will not be carried out, however often it is tried
	}
	return otherwise
}
