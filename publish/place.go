package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// place is how far a journal was published. The hash tells that journal from
// another one that was put in its place since.
type place struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// readPlace reads the place from a file; found is false where there is none yet.
func readPlace(path string) (at place, found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, err
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return place{}, false, fmt.Errorf("%s says nothing about how far events were published: %w", path, err)
	}
	return at, true, nil
}

// write puts the place into a file, whole or not at all. It is not forced to the
// disk: a place that is lost only makes some events go out twice.
func (at place) write(path string) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
