package scenario_test

import "flag"

// update makes tests write the files that they compare with: go test ./scenario
// -run TestHazardsPage -update.
var update = flag.Bool("update", false, "write the generated files instead of comparing them")
