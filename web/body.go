package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
)

// maxBody is the largest body of a command, in bytes.
const maxBody = 64 << 10

// decode reads a JSON body strictly into v: one object, no unknown key. It
// answers the request itself when the body will not do, and returns false.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, after := d.Token(); after != io.EOF {
			err = errors.New("there is something after the object")
		}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody))
	case errors.Is(err, io.EOF):
		fail(w, http.StatusBadRequest, "the body is empty: send a JSON object")
	default:
		fail(w, http.StatusBadRequest, "the body: "+bodyProblem(err))
	}
	return false
}

// duration is a length of time as the configuration writes it: "4h", "90m".
type duration time.Duration

// UnmarshalJSON reads the words of the configuration.
func (d *duration) UnmarshalJSON(text []byte) error {
	var word string
	if err := json.Unmarshal(text, &word); err != nil {
		return errors.New(`a duration is a string such as "4h"`)
	}
	v, err := model.ParseDuration(word)
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is not a duration (try \"4h\")", word)
	}
	*d = duration(v)
	return nil
}
