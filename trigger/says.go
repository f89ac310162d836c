package trigger

// Says is what a comparison says of a known value of its metric, by the rule that
// Evaluate goes by.
func (c Condition) Says(v float64) Truth { return compare(c, v).Truth }
