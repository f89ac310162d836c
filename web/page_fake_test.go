package web_test

import "github.com/rollbackd/rollbackd/incident"

// Recent is what the world's triggers showed lately.
func (w *world) Recent(string) []incident.Series { return w.series }

// Blind are the world's sources that do not answer.
func (w *world) Blind() []incident.Blindness { return w.blind }
