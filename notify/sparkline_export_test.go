package notify

// TextChart is textChart, for tests.
func TextChart(s Series) string { return textChart(s) }
