package web

// Programmed are the methods of all paths that are for programs.
func Programmed() map[string]string {
	paths := map[string]string{}
	for path, e := range New(Options{}).endpoints() {
		if programmed(path) {
			paths[path] = e.method
		}
	}
	return paths
}

// Unserved are the paths that operations speaks of in vain.
func Unserved() (paths []string) {
	served := New(Options{}).endpoints()
	for path := range operations() {
		if _, there := served[path]; !there {
			paths = append(paths, path)
		}
	}
	return paths
}
