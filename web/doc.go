// Package web is rollbackd's HTTP side: the JSON API, the health endpoints and
// the metrics.
//
// The same routes are served on two doors. On the unix socket the kernel says
// who is on the other end; on TCP a user and password of the exporter-toolkit's
// web-config file do, and without users it only reads. The roles of [web] roles
// say who may do what. That name, with its roles, is the actor of every command.
//
// A change is also refused when a page of another site asks for it, and when it
// carries an Idempotency-Key that came before.
//
// The package knows no brain and no journal by themselves, only the few
// questions it asks of them. Nothing it does can delay a decision: a question
// that gets no answer in time becomes a 503.
package web
