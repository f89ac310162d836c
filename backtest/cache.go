package backtest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cache keeps pages of history in files. A file is believed only where its
// checksum fits: a damaged one is as good as none. The zero cache keeps nothing.
type cache struct{ dir string }

// magic begins each file and names the format. Another format is another name.
const magic = "rollbackd backtest page 1\n"

// key is the name of a page: all that decides what is in it.
func key(kind, identity string, p stretch) string {
	text := fmt.Sprintf("%s%s\n%s\n%d %d\n", magic, kind, identity, p.from.UnixNano(), p.ticks)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (c cache) path(key string) string { return filepath.Join(c.dir, key[:2], key+".page") }

// has tells whether there is a file for a page, good or not.
func (c cache) has(key string) bool {
	if c.dir == "" {
		return false
	}
	_, err := os.Stat(c.path(key))
	return err == nil
}

var errDamaged = errors.New("the file is damaged")

// load reads a page into v. The error is os.ErrNotExist's where there is none.
func (c cache) load(key string, v any) error {
	if c.dir == "" {
		return os.ErrNotExist
	}
	data, err := os.ReadFile(c.path(key))
	if err != nil {
		return err
	}
	head := len(magic) + sha256.Size
	if len(data) < head || string(data[:len(magic)]) != magic {
		return errDamaged
	}
	if sum := sha256.Sum256(data[head:]); !bytes.Equal(sum[:], data[len(magic):head]) {
		return errDamaged
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(data[head:]))
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err := gob.NewDecoder(unpacked).Decode(v); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// save writes a page whole or not at all: an interrupted run leaves no half page.
func (c cache) save(key string, v any) error {
	if c.dir == "" {
		return nil
	}
	var body bytes.Buffer
	packed, err := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(packed).Encode(v); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	path := c.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body.Bytes())
	_, err = file.Write(append(append([]byte(magic), sum[:]...), body.Bytes()...))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it holds nothing that anybody knows of
	}
	return err
}
