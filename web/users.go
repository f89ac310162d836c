package web

import (
	"fmt"
	"net/http"
	"os"
	"sync"

	"go.yaml.in/yaml/v2"
	"golang.org/x/crypto/bcrypt"
)

// users are those of the web-config file.
//
// The toolkit has checked the password of every request that reaches us, unless
// the file had no users when it looked: then it lets everybody through, and the
// name in the request is anybody's claim. The file is read anew at each request
// and may be half written at that moment. So a name counts for a change only
// when its password fits the file as we read it, at the price of one more hash
// for each command.
type users struct {
	// path is empty without a file: then nobody is known.
	path string
	// one lets only one hash be computed at a time, as the toolkit does: it costs
	// what a flood of commands could use up.
	one sync.Mutex
}

// named is the user who sends a request; the zero Peer where nothing proves one.
// The error is a file that cannot be read.
func (u *users) named(r *http.Request) (Peer, error) {
	name, password, ok := r.BasicAuth()
	if u.path == "" || !ok || name == "" {
		return Peer{}, nil
	}
	text, err := os.ReadFile(u.path)
	if err != nil {
		return Peer{}, err
	}
	var file struct {
		Users map[string]string `yaml:"basic_auth_users"` //nolint:tagliatelle // the toolkit's own name
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return Peer{}, fmt.Errorf("%s: %w", u.path, err)
	}
	hash, known := file.Users[name]
	if !known {
		return Peer{}, nil
	}
	u.one.Lock()
	defer u.one.Unlock()
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil {
		return Peer{}, nil
	}
	return Peer{Name: name}, nil
}
