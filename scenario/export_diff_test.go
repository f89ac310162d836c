package scenario

// LineDiff shows how a text became another.
func LineDiff(old, present string) string { return lineDiff(old, present) }
