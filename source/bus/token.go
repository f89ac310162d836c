package bus

import "encoding/base64"

// maxToken is how long a word of a subject is at most before it is encoded.
const maxToken = 128

// EncodeToken is a name as one word of a subject: itself, or "=" and its
// base64url without padding where a word cannot hold it, such as one with a dot.
func EncodeToken(name string) string {
	if plainToken(name) {
		return name
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(name))
}

// plainToken tells whether a name can stand in a subject as it is.
func plainToken(name string) bool {
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxToken
}
