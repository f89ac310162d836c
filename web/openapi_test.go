package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// document is the OpenAPI document as it is served.
type document map[string]any

func openAPI(t *testing.T) document {
	t.Helper()
	got := ask(t, newWorld().server().TCP(), "GET", "/api/v1/openapi.json", "")
	var d document
	if err := json.Unmarshal([]byte(got.body), &d); err != nil {
		t.Fatalf("%v\n%s", err, got.body)
	}
	return d
}

// at follows keys; nil where there is nothing.
func (d document) at(keys ...string) any {
	var here any = map[string]any(d)
	for _, key := range keys {
		table, _ := here.(map[string]any)
		here = table[key]
	}
	return here
}

// TestEveryPathIsInTheDocument: with its method, and nothing else.
func TestEveryPathIsInTheDocument(t *testing.T) {
	d := openAPI(t)
	want, got := web.Programmed(), map[string]string{}
	paths, _ := d.at("paths").(map[string]any)
	for path, methods := range paths {
		for method, operation := range methods.(map[string]any) {
			got[path] = strings.ToUpper(method)
			said, _ := operation.(map[string]any)
			if summary, _ := said["summary"].(string); summary == "" || strings.HasPrefix(summary, strings.ToUpper(method)+" /") {
				t.Errorf("%s: nothing is said of it: add it to operations()", path)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-served +documented):\n%s", diff)
	}
	if unserved := web.Unserved(); len(unserved) > 0 {
		t.Errorf("operations() speaks of paths that are not served: %q", unserved)
	}
}

// TestReferencesLeadSomewhere also keeps every type of an answer in the document.
func TestReferencesLeadSomewhere(t *testing.T) {
	d := openAPI(t)
	schemas, _ := d.at("components", "schemas").(map[string]any)
	seen := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, is := v["$ref"].(string); is {
				seen++
				name, found := strings.CutPrefix(ref, "#/components/schemas/")
				if _, known := schemas[name]; found && !known {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(map[string]any(d))
	for _, name := range []string{"Incident", "ServiceView", "Stats", "ConfigView", "Event", "RehearsalReport", "Reported", "Envelope", "RollbackBody"} {
		if _, known := schemas[name]; !known {
			t.Errorf("there is no schema %s, only %q", name, slices.Sorted(maps.Keys(schemas)))
		}
	}
	if again := openAPI(t); cmp.Diff(d, again) != "" {
		t.Error("the document is another one each time")
	}
	if seen < 20 {
		t.Errorf("only %d references: the document is not what it was", seen)
	}
}

// TestAnswersFitTheirSchema holds real answers to the document: every key is known,
// every required one is there, and each value is of its type.
func TestAnswersFitTheirSchema(t *testing.T) {
	d := openAPI(t)
	w := newWorld()
	met := true
	w.incidents[0].Rollback = &incident.Run{
		State: incident.RunCompleted, SLAMet: &met, PhaseSeconds: map[string]float64{"traffic": 1},
		Steps: []incident.StepRun{{Name: "undo", ExitCode: new(int), Section: incident.SectionSteps, Approvals: []incident.Approval{{By: "alice"}}}},
	}
	w.incidents[0].Triggers = []incident.Evidence{{Name: "errors", Value: 0.08}}
	w.incidents[0].Deployment = &incident.Deployment{Service: "checkout", Version: "v2"}
	w.triggers = []incident.TriggerView{firing("errors")}
	h := w.server().TCP()
	for url, path := range map[string]string{
		"/-/healthy": "/-/healthy", "/-/ready": "/-/ready", "/api/v1/services": "/api/v1/services", "/api/v1/services/checkout": "/api/v1/services/{service}",
		"/api/v1/services/checkout/why": "/api/v1/services/{service}/why", "/api/v1/services/checkout/versions": "/api/v1/services/{service}/versions",
		"/api/v1/incidents": "/api/v1/incidents", "/api/v1/incidents/inc-3": "/api/v1/incidents/{id}", "/api/v1/stats": "/api/v1/stats",
		"/api/v1/gate/checkout": "/api/v1/gate/{service}", "/api/v1/config": "/api/v1/config",
	} {
		got := ask(t, h, "GET", url, "")
		if got.status != 200 {
			t.Errorf("%s: %d %s", url, got.status, got.body)
			continue
		}
		var body any
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Fatal(err)
		}
		schema := d.at("paths", path, "get", "responses", "200", "content", "application/json", "schema")
		d.fits(t, url, schema, body)
	}
	refused := ask(t, h, "GET", "/api/v1/incidents?state=strange", "")
	var body any
	if err := json.Unmarshal([]byte(refused.body), &body); err != nil {
		t.Fatal(err)
	}
	d.fits(t, "an error", d.at("components", "responses", "Error", "content", "application/json", "schema"), body)
}

// fits holds a value to a schema.
func (d document) fits(t *testing.T, where string, schema, value any) {
	t.Helper()
	s, ok := schema.(map[string]any)
	if !ok {
		t.Errorf("%s: there is no schema", where)
		return
	}
	if ref, is := s["$ref"].(string); is {
		d.fits(t, where, d.at("components", "schemas", strings.TrimPrefix(ref, "#/components/schemas/")), value)
		return
	}
	if either, is := s["anyOf"].([]any); is {
		if value != nil {
			d.fits(t, where, either[0], value)
		}
		return
	}
	wanted := map[string]bool{
		"object": isA[map[string]any](value), "array": isA[[]any](value), "string": isA[string](value), "boolean": isA[bool](value),
		"number": isA[float64](value), "integer": isA[float64](value),
	}
	if kinds, several := s["type"].([]any); several {
		if value == nil {
			return
		}
		s["type"] = kinds[0]
	}
	if kind, is := s["type"].(string); is && !wanted[kind] {
		t.Errorf("%s: %v is no %s", where, value, kind)
		return
	}
	switch v := value.(type) {
	case map[string]any:
		d.fitsObject(t, where, s, v)
	case []any:
		for i, one := range v {
			d.fits(t, fmt.Sprintf("%s[%d]", where, i), s["items"], one)
		}
	}
}

func (d document) fitsObject(t *testing.T, where string, s, v map[string]any) {
	t.Helper()
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, key := range required {
		if _, there := v[key.(string)]; !there {
			t.Errorf("%s: %v is required, and is not there", where, key)
		}
	}
	for key, inner := range v {
		schema, known := properties[key]
		if !known {
			if schema, known = s["additionalProperties"]; !known {
				t.Errorf("%s: the schema does not know %q", where, key)
				continue
			}
		}
		d.fits(t, where+"."+key, schema, inner)
	}
}

func isA[T any](v any) bool {
	_, is := v.(T)
	return is
}

func TestConfigAnswer(t *testing.T) {
	h := newWorld().server().TCP()
	var view web.ConfigView
	got := ask(t, h, "GET", "/api/v1/config", "")
	if err := json.Unmarshal(got.Data, &view); err != nil || view.Hash != "abc" || view.Config["journal"] == nil {
		t.Errorf("%s: %v", got.body, err)
	}
	got = ask(t, h, "GET", "/api/v1/config?format=toml", "")
	if want := "# /etc/rollbackd.toml, hash abc\n[journal]\n"; got.body != want || !strings.HasPrefix(got.header.Get("Content-Type"), "application/toml") {
		t.Errorf("got %q as %s, want %q", got.body, got.header.Get("Content-Type"), want)
	}
	for _, query := range []string{"?format=yaml", "?secrets=show", "?format="} {
		if got := ask(t, h, "GET", "/api/v1/config"+query, ""); got.status != 400 {
			t.Errorf("%s: %d, want 400", query, got.status)
		}
	}
}
