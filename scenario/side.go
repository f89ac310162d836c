package scenario

// Sides are the words of a case's `side`: how it looks at the hazard that its
// file is about. It fires; it is just under what fires; something breaks in the
// middle; it recovers; or anything else that is worth holding on to.
func Sides() []string { return []string{"fires", "just under", "fault", "recovery", "other"} }
