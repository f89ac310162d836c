package daemon

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
)

// gateKeySize is the length of the key in bytes.
const gateKeySize = 32

// gateKey is what the tokens are made with that let the steps of a run through
// the gate. It outlives a start, because a step may.
type gateKey []byte

// token is what lets the steps of one run through, and those of no other.
func (k gateKey) token(run string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(run)) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil))
}

// gateKeyBeside reads the key beside the journal and makes it where there is none,
// or none that is good and the owner's alone. A key that cannot be kept is no
// reason not to watch: it then lasts until the next start.
func gateKeyBeside(journal string, log hclog.Logger) gateKey {
	path := filepath.Join(filepath.Dir(journal), "gate.key")
	key, err := readGateKey(path)
	if err == nil {
		return key
	}
	if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the gate's key is made anew: a step that an earlier start left running does not pass the gate any more", "file", path, "err", err)
	}
	key = make(gateKey, gateKeySize)
	_, _ = rand.Read(key) // it never fails: it ends the program first
	if err := writeGateKey(path, key); err != nil {
		log.Warn("the gate's key could not be kept: it lasts until the next start", "file", path, "err", err)
	}
	return key
}

func readGateKey(path string) (gateKey, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() != gateKeySize {
		return nil, fmt.Errorf("it is %s with %d bytes, want a file of its owner's alone with %d", info.Mode(), info.Size(), gateKeySize)
	}
	return os.ReadFile(path)
}

// writeGateKey puts the whole key in its place or nothing.
func writeGateKey(path string, key gateKey) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".gate-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
