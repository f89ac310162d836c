package prom

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// The reasons of a query that failed. They are metric labels and part of what
// people read; they stay as they are.
const (
	reasonTimeout       = "timeout"
	reasonConnection    = "connection"
	reasonCanceled      = "canceled"
	reasonBadData       = "bad_data"
	reasonExecution     = "execution"
	reasonClientError   = "http_4xx"
	reasonServerError   = "http_5xx"
	reasonTooLarge      = "too_large"
	reasonTooManySeries = "too_many_series"
	reasonDecode        = "decode"
	reasonWrongType     = "wrong_type"
	reasonPartial       = "partial"
	reasonNoLabel       = "no_label"
	reasonDuplicate     = "duplicate_series"
	reasonStale         = "stale"
	reasonNoTraffic     = "no_traffic"
	reasonNotAsked      = "not_asked"
	reasonUnknownMetric = "unknown_metric"
	reasonNoSeries      = "no series"
)

// reasonOf names why a query failed. status is that of the response, zero where
// there was none.
func reasonOf(err error, status int) string {
	var apiErr *v1.Error
	var netErr net.Error
	switch {
	case errors.Is(err, errTooLarge):
		return reasonTooLarge
	case errors.Is(err, errTooManySeries):
		return reasonTooManySeries
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return reasonTimeout
	case errors.Is(err, context.Canceled):
		return reasonCanceled
	case errors.As(err, &apiErr):
		return refusal(apiErr, status)
	case status == 0, errors.As(err, &netErr):
		return reasonConnection
	}
	return reasonDecode
}

// refusal names an error that Prometheus, or whatever stands before it, answered.
func refusal(err *v1.Error, status int) string {
	switch err.Type {
	case v1.ErrBadData:
		return reasonBadData
	case v1.ErrExec:
		return reasonExecution
	case v1.ErrTimeout:
		return reasonTimeout
	case v1.ErrCanceled:
		return reasonCanceled
	case v1.ErrBadResponse, v1.ErrServer, v1.ErrClient:
	}
	// Prometheus says 503 both when it is overloaded and when a query took too
	// long; only the body tells.
	if status == http.StatusServiceUnavailable && strings.Contains(err.Detail, `"errorType":"timeout"`) {
		return reasonTimeout
	}
	switch status / 100 {
	case 4:
		return reasonClientError
	case 5:
		return reasonServerError
	}
	return reasonDecode
}

// elsewhere tells whether another server may answer what this one did not. A
// query that is wrong, or whose answer is too big, is so everywhere.
func elsewhere(reason string) bool {
	switch reason {
	case reasonTimeout, reasonConnection, reasonClientError, reasonServerError, reasonDecode:
		return true
	}
	return false
}
