// Package receivers tells real servers: what people and machines would get of an
// incident, from the channel's own side.
package receivers
