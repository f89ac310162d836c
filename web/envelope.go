package web

import (
	"encoding/json"
	"net/http"

	"github.com/rollbackd/rollbackd/incident"
)

// Envelope is the outside of every JSON answer.
type Envelope struct {
	// Status is "success" or "error".
	Status string          `json:"status"`
	Data   json.RawMessage `json:"data,omitempty"`
	// ErrorType is a stable word for programs, Error a sentence for people.
	ErrorType string `json:"error_type,omitempty"`
	Error     string `json:"error,omitempty"`
	// Guard is what refused a command, Incident the incident it was about.
	Guard    incident.Guard `json:"guard,omitempty"`
	Incident string         `json:"incident,omitempty"`
}

// The error types.
const (
	ErrorBadRequest = "bad_request"
	ErrorForbidden  = "forbidden"
	ErrorNotFound   = "not_found"
	ErrorMethod     = "method_not_allowed"
	ErrorRefused    = "refused"
	// ErrorConflict is the second use of an Idempotency-Key.
	ErrorConflict = "conflict"
	// ErrorLocked is a shut gate.
	ErrorLocked      = "locked"
	ErrorMediaType   = "unsupported_media_type"
	ErrorTooLarge    = "too_large"
	ErrorUnavailable = "unavailable"
	ErrorInternal    = "internal"
)

// errorType is the word that goes with an HTTP status.
func errorType(status int) string {
	switch status {
	case http.StatusBadRequest:
		return ErrorBadRequest
	case http.StatusForbidden:
		return ErrorForbidden
	case http.StatusNotFound:
		return ErrorNotFound
	case http.StatusMethodNotAllowed:
		return ErrorMethod
	case http.StatusConflict:
		return ErrorRefused
	case http.StatusRequestEntityTooLarge:
		return ErrorTooLarge
	case http.StatusLocked:
		return ErrorLocked
	case http.StatusUnsupportedMediaType:
		return ErrorMediaType
	case http.StatusServiceUnavailable:
		return ErrorUnavailable
	}
	return ErrorInternal
}

// succeed answers with data.
func succeed(w http.ResponseWriter, data json.RawMessage) {
	write(w, http.StatusOK, Envelope{Status: "success", Data: data})
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, text string) {
	write(w, status, Envelope{Status: "error", ErrorType: errorType(status), Error: text})
}

func write(w http.ResponseWriter, status int, e Envelope) {
	if n, is := w.(*noted); is {
		n.status, n.answer = status, e
	}
	body, err := json.Marshal(e)
	if err != nil {
		status = http.StatusInternalServerError
		body = []byte(`{"status":"error","error_type":"internal","error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader has gone: nobody is left to tell
}
