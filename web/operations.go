package web

import (
	"maps"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
)

// operation is what the OpenAPI document says of one path.
type operation struct {
	summary string
	query   []parameter
	// body and data are values of the types of the request's body and of the
	// answer's data; nil where there is none.
	body, data any
	// media is the answer's media type where it is not an Envelope.
	media string
}

// parameter is one of a query.
type parameter struct {
	name, about string
	required    bool
}

// operations are those of all paths but the page's.
func operations() map[string]operation {
	all := map[string]operation{}
	for _, some := range []map[string]operation{daemonOperations(), readOperations(), serviceCommands(), incidentCommands()} {
		maps.Copy(all, some)
	}
	return all
}

func daemonOperations() map[string]operation {
	return map[string]operation{
		"/-/healthy": {summary: "200 while the process answers", data: ""},
		"/-/ready":   {summary: "200 once the journal is replayed and the sources run", data: ""},
		"/-/reload":  {summary: "Load the configuration again, whole or not at all", data: ""},
		"/metrics":   {summary: "The daemon's own metrics", media: "text/plain"},
		"/api/v1/config": {
			summary: "The configuration in force, secrets masked", data: ConfigView{},
			query: []parameter{{name: "format", about: "json (the default) or toml"}},
		},
		"/api/v1/events": {
			summary: "Server-sent events: every entry of the journal, once it is durable. `id` is its number, `event` its kind, `data` an Event. " +
				"`reset` says that too much was missed: load anew",
			media: "text/event-stream", data: Event{},
			query: []parameter{
				{name: "service", about: "only this service's entries, and those of the daemon"},
				{name: "last_event_id", about: "go on after this one; the header Last-Event-ID counts more"},
			},
		},
		"/api/v1/journal":      {summary: "Whether the journal can be written: while it cannot, nothing new is begun", data: JournalView{}},
		"/api/v1/receivers":    {summary: "The receivers that messages wait for, because they do not take them", data: []ReceiverView{}},
		"/api/v1/openapi.json": {summary: "This document", media: "application/json"},
	}
}

func readOperations() map[string]operation {
	return map[string]operation{
		"/api/v1/services":                    {summary: "All services", data: []incident.ServiceView{}},
		"/api/v1/services/{service}":          {summary: "One service", data: incident.ServiceView{}},
		"/api/v1/services/{service}/why":      {summary: "What is done about it, and what would be done if a critical breach began now", data: incident.WhyView{}},
		"/api/v1/services/{service}/versions": {summary: "Its versions and their standing", data: []incident.VersionView{}},
		"/api/v1/incidents": {
			summary: "Incidents, the newest first", data: []incident.Incident{},
			query: []parameter{
				{name: "service", about: "only this service's"},
				{name: "state", about: "a state, or open"},
				{name: "since", about: "opened at or after a time, or a duration ago (24h)"},
				{name: "before", about: "only those opened before the incident with this ID: the next page"},
				{name: "limit", about: "how many at most: 100, at most 1000"},
			},
		},
		"/api/v1/incidents/{id}": {summary: "One incident, by its ID or the name of a service with an open one", data: incident.Incident{}},
		"/api/v1/incidents/{id}/report": {
			summary: "One incident written down: the document itself, of the media type of its format. As JSON it is a Report", data: report.Report{}, media: "text/markdown",
			query: []parameter{
				{name: "format", about: "markdown (the default), json, html, metrics or failures"},
				{name: "for", about: "a draft for customers, executives or support instead: plain text that nobody is sent"},
			},
		},
		"/api/v1/stats": {
			summary: "What became of the incidents of a period", data: Stats{},
			query: []parameter{
				{name: "service", about: "only this service's"},
				{name: "since", about: "opened at or after a time, or a duration ago (30d)"},
			},
		},
		"/api/v1/gate/{service}": {
			summary: "200 is deploy away, 423 is not now", data: Gate{},
			query: []parameter{
				{name: "version", about: "the one to deploy"},
				{name: "token", about: "of a run's own step; better in the header " + gateHeader},
			},
		},
	}
}

func serviceCommands() map[string]operation {
	const at = "/api/v1/services/{service}/"
	return map[string]operation{
		at + "rollback":       {summary: "Roll a service back", body: rollbackBody{}, data: Done{}},
		at + "pause":          {summary: "No automatic decision acts; _all is every service", body: brakeBody{}, data: Done{}},
		at + "resume":         {summary: "Lift a pause", body: brakeBody{}, data: Done{}},
		at + "lock":           {summary: "Nobody acts; _all is every service", body: brakeBody{}, data: Done{}},
		at + "unlock":         {summary: "Lift a lock", body: brakeBody{}, data: Done{}},
		at + "pardon":         {summary: "Lift a version's quarantine", body: pardonBody{}, data: Done{}},
		at + "rehearse":       {summary: "Look at what a rollback would need; with `in`, carry the plan out there, and answer as rollback does", body: rehearseBody{}, data: incident.RehearsalReport{}},
		"/api/v1/deployments": {summary: "Report a deployment", body: Reported{}, data: Done{}},
		"/api/v1/signals":     {summary: "Say what a trigger waits for", body: Signalled{}, data: Done{}},
	}
}

func incidentCommands() map[string]operation {
	const at = "/api/v1/incidents/{id}/"
	return map[string]operation{
		at + "approve": {summary: "Say yes to what an incident asks for", body: approveBody{}, data: Done{}},
		at + "veto":    {summary: "Say no: it is not rolled back automatically", body: wordBody{}, data: Done{}},
		at + "abort":   {summary: "Stop its rollback at the next step boundary", body: wordBody{}, data: Done{}},
		at + "ack":     {summary: "Stop its escalation, and nothing else", body: wordBody{}, data: Done{}},
		at + "close":   {summary: "Close it", body: wordBody{}, data: Done{}},
	}
}
