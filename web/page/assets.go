package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// Asset is one file beside the pages.
type Asset struct {
	// Type is its Content-Type, Hash that of its content.
	Type, Hash string
	Content    []byte
}

// Assets are the files beside the pages, each with the hash of its content in its
// name: a browser may keep them for ever, and has the new one after an update.
type Assets struct {
	byName map[string]Asset
	paths  map[string]string
}

func newAssets() *Assets {
	types := map[string]string{
		"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	}
	a := &Assets{byName: map[string]Asset{}, paths: map[string]string{}}
	for file, kind := range types {
		content, err := static.ReadFile("static/" + file)
		if err != nil {
			panic(err) // the program was built without it, which the compiler does not let happen
		}
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:6])
		ext := path.Ext(file)
		name := strings.TrimSuffix(file, ext) + "." + hash + ext
		a.byName[name] = Asset{Type: kind, Hash: hash, Content: content}
		a.paths[file] = "/assets/" + name
	}
	return a
}

// Path is where a file is, such as "style.css"; empty for one that is not there.
func (a *Assets) Path(file string) string { return a.paths[file] }

// Find is the file of a name below /assets/; false where there is none.
func (a *Assets) Find(name string) (Asset, bool) {
	asset, ok := a.byName[name]
	return asset, ok
}
