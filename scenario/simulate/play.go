package simulate

import (
	"fmt"

	"github.com/rollbackd/rollbackd/scenario"
)

// Play plays a world. Its error says that the generator has made a file that
// nobody could play, which is a mistake of the generator.
func (w World) Play() (scenario.Verdict, error) {
	f, err := w.file()
	if err != nil {
		return scenario.Verdict{}, err
	}
	return f.Play(f.Cases[0]), nil
}

// file is the world as a test file that was read.
func (w World) file() (*scenario.File, error) {
	f, err := scenario.Parse(fmt.Sprintf("simulate-%d.toml", w.Seed), w.Text())
	if err != nil {
		return nil, fmt.Errorf("seed %d: the generated file cannot be played:\n%w", w.Seed, err)
	}
	return f, nil
}
