package web

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// bodyProblem is what is wrong with a body, in the words of whoever wrote it: JSON's
// and the API's, not those of this program.
func bodyProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	var when *time.ParseError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Sprintf("want %s, not %s", jsonKind(wrong.Type), article(wrong.Value))
	case errors.As(err, &wrong):
		return fmt.Sprintf("%q wants %s, not %s", wrong.Field, jsonKind(wrong.Type), article(wrong.Value))
	case errors.As(err, &when):
		return fmt.Sprintf("%.80s is not a time (want for example \"2026-03-01T03:02:00Z\")", when.Value)
	case strings.HasPrefix(err.Error(), "Time.UnmarshalJSON"):
		return "a time is a string such as \"2026-03-01T03:02:00Z\""
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends before the object does"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// jsonKind is what JSON calls a type that is read from it.
func jsonKind(t reflect.Type) string {
	if t == nil {
		return "something else"
	}
	if t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	kinds := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Struct: "an object", reflect.Map: "an object",
		reflect.Slice: "an array", reflect.Array: "an array",
	}
	if word, known := kinds[t.Kind()]; known {
		return word
	}
	return "a number"
}

// article puts one before the library's word for a value: "number 1.5", "bool".
func article(value string) string {
	word, _, _ := strings.Cut(value, " ")
	switch word {
	case "bool":
		return "true or false"
	case "array", "object":
		return "an " + word
	}
	return "a " + word
}
