// Package e2e runs the built daemon among real components, from the outside: a
// bad version is deployed, and what the daemon then did is read from the service,
// from the API and from what people were told.
package e2e
