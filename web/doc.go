// Package web is rollbackd's HTTP side: the JSON API, the health endpoints and
// the metrics.
//
// The same routes are served on two doors. The unix socket takes everything,
// and the kernel says who is on the other end: that name is the actor of every
// command. TCP only reads, on loopback too, because nothing there says who asks.
//
// The package knows no brain and no journal by themselves, only the few
// questions it asks of them. Nothing it does can delay a decision: a question
// that gets no answer in time becomes a 503.
package web
