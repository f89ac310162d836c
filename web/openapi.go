package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// openapi answers with the OpenAPI document of all that there is.
func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	document, err := json.Marshal(s.document())
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(append(document, '\n')) // the reader has gone: nobody is left to tell
}

// document is made of the paths as they are served, what operations says of them,
// and the types of what goes in and out.
func (s *Server) document() object {
	types := newSchemas()
	said, paths := operations(), object{}
	served := s.endpoints()
	for _, path := range slices.Sorted(maps.Keys(served)) { // in order: types of one name are told apart by which comes first
		e := served[path]
		if !programmed(path) {
			continue
		}
		o, known := said[path]
		if !known {
			o.summary = e.method + " " + path
		}
		paths[path] = object{strings.ToLower(e.method): describe(types, path, e, o)}
	}
	failed := types.of(reflect.TypeFor[Envelope]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "rollbackd", "version": "1",
			"description": "Watches services, decides that a deployment is bad, and undoes it. Answers are {\"status\":\"success\",\"data\":…} or {\"status\":\"error\",\"error_type\":…,\"error\":…}.",
		},
		"paths": paths,
		"components": object{
			"schemas":         types.named,
			"responses":       object{"Error": object{"description": "Why it was not done", "content": content("application/json", failed)}},
			"securitySchemes": object{"user": object{"type": "http", "scheme": "basic"}},
		},
		// Whoever reads needs no name unless [web] config_file says so.
		"security": []object{{}, {"user": []string{}}},
	}
}

// programmed tells whether a path is for programs, and not one of the page.
func programmed(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/-/") || path == "/metrics"
}

func describe(types *schemas, path string, e endpoint, o operation) object {
	d := object{
		"operationId": operationID(e.method, path), "summary": o.summary,
		"responses": object{"200": answerOf(types, o), "default": object{"$ref": "#/components/responses/Error"}},
	}
	if parameters := parametersOf(path, e, o); len(parameters) > 0 {
		d["parameters"] = parameters
	}
	if o.body != nil {
		d["requestBody"] = object{"required": true, "content": content("application/json", types.of(reflect.TypeOf(o.body)))}
	}
	return d
}

// operationID names an operation by its method and path.
func operationID(method, path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/-{}.", r) })
	return strings.ToLower(method) + "_" + strings.Join(words, "_")
}

func answerOf(types *schemas, o operation) object {
	var schema object
	switch {
	case o.media != "" && o.data != nil:
		_ = types.of(reflect.TypeOf(o.data)) // described beside the path
		schema = object{"type": "string"}
	case o.media == "application/json":
		schema = object{"type": "object"}
	case o.media != "":
		schema = object{"type": "string"}
	default:
		schema = object{"type": "object", "required": []string{"status"}, "properties": object{"status": object{"const": "success"}}}
		if o.data != nil {
			schema["properties"].(object)["data"] = types.of(reflect.TypeOf(o.data)) //nolint:forcetypeassert // made above
		}
	}
	media := o.media
	if media == "" {
		media = "application/json"
	}
	return object{"description": "It was done", "content": content(media, schema)}
}

func content(media string, schema object) object { return object{media: object{"schema": schema}} }

func parametersOf(path string, e endpoint, o operation) []object {
	var all []object
	for _, name := range regexp.MustCompile(`\{([a-z_]+)\}`).FindAllStringSubmatch(path, -1) {
		all = append(all, object{"name": name[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range o.query {
		all = append(all, object{"name": p.name, "in": "query", "description": p.about, "required": p.required, "schema": object{"type": "string"}})
	}
	if e.method == http.MethodPost {
		all = append(all, object{
			"name": keyHeader, "in": "header", "description": "The same key within 24 hours is refused with 409, and carries nothing out",
			"schema": object{"type": "string", "maxLength": maxKey},
		})
	}
	return all
}
