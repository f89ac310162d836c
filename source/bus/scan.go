package bus

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deeply an event may nest.
const maxDepth = 16

// scanner reads JSON strictly, once, from front to back, without building
// anything: an event is small, there are a great many, and encoding/json tells
// neither a key that comes twice nor how deep the rest goes. The text must be
// valid UTF-8.
type scanner struct {
	data  []byte
	pos   int
	depth int
}

func malformed(detail string) error { return reject(reasonMalformed, detail) }

// peek is the next byte that is not white space; zero at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// end makes sure that nothing follows.
func (s *scanner) end() error {
	if s.peek() != 0 || s.pos < len(s.data) {
		return malformed("text after the object")
	}
	return nil
}

// open goes into an object or a list.
func (s *scanner) open(c byte) error {
	if s.peek() != c {
		return malformed("expected " + string(c))
	}
	if s.depth++; s.depth > maxDepth {
		return reject(reasonTooDeep, "nested more than 16 deep")
	}
	s.pos++
	return nil
}

// more tells whether an element comes after n others, and steps over what is
// before it.
func (s *scanner) more(n int, closing byte) (bool, error) {
	c := s.peek()
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if n == 0 {
		return true, nil
	}
	if c != ',' {
		return false, malformed("expected a comma or the end")
	}
	s.pos++
	if s.peek() == closing {
		return false, malformed("a comma before the end")
	}
	return true, nil
}

// object reads an object; field must read the value that follows each key. The
// key is valid until field returns.
func (s *scanner) object(field func(key []byte) error) error {
	if err := s.open('{'); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := s.more(n, '}')
		if err != nil || !more {
			return err
		}
		key, err := s.text()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return malformed("expected a colon")
		}
		s.pos++
		if err := field(key); err != nil {
			return err
		}
	}
}

func (s *scanner) list() error {
	if err := s.open('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := s.more(n, ']')
		if err != nil || !more {
			return err
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}

// skip reads any value.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.list()
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	_, err := s.number()
	return err
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(w)) {
		return malformed("expected " + w)
	}
	s.pos += len(w)
	return nil
}

// null steps over a null, if there is one.
func (s *scanner) null() (bool, error) {
	if s.peek() != 'n' {
		return false, nil
	}
	return true, s.word("null")
}

// number reads a number and makes sure that it is finite.
func (s *scanner) number() ([]byte, error) {
	s.peek()
	start := s.pos
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if !s.digits() {
		return nil, malformed("expected a value")
	}
	if s.at('.') {
		s.pos++
		if !s.digits() {
			return nil, malformed("expected digits after the point")
		}
	}
	exponent := s.at('e') || s.at('E')
	if exponent {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if !s.digits() {
			return nil, malformed("expected digits of the exponent")
		}
	}
	n := s.data[start:s.pos]
	if exponent || len(n) > 300 {
		if f, err := strconv.ParseFloat(string(n), 64); err != nil || math.IsInf(f, 0) {
			return nil, reject(reasonBadNumber, "a number that is not finite")
		}
	}
	return n, nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// text reads a string. What it gives is part of the data where that is possible.
func (s *scanner) text() ([]byte, error) {
	if s.peek() != '"' {
		return nil, malformed("expected a string")
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start : s.pos-1], nil
		case c == '\\':
			return s.escaped(append([]byte(nil), s.data[start:s.pos]...))
		case c < ' ':
			return nil, malformed("a control character in a string")
		}
		s.pos++
	}
	return nil, malformed("a string without its end")
}

// escaped reads the rest of a string from its first backslash on.
func (s *scanner) escaped(out []byte) ([]byte, error) {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return out, nil
		case c < ' ':
			return nil, malformed("a control character in a string")
		case c != '\\':
			out = append(out, c)
			continue
		}
		if s.pos >= len(s.data) {
			break
		}
		c = s.data[s.pos]
		s.pos++
		if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		if c != 'u' {
			return nil, malformed("an escape that does not exist")
		}
		r, ok := s.rune()
		if !ok {
			return nil, malformed("a broken \\u escape")
		}
		out = utf8.AppendRune(out, r)
	}
	return nil, malformed("a string without its end")
}

// rune reads what follows \u, both halves of a pair. A half alone is the
// replacement character.
func (s *scanner) rune() (rune, bool) {
	high, ok := s.hex()
	if !ok || !utf16.IsSurrogate(high) {
		return high, ok
	}
	if !bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		return utf8.RuneError, true
	}
	back := s.pos
	s.pos += 2
	low, ok := s.hex()
	if !ok {
		return 0, false
	}
	r := utf16.DecodeRune(high, low)
	if r == utf8.RuneError {
		s.pos = back // what follows is an escape of its own
	}
	return r, true
}

func (s *scanner) hex() (rune, bool) {
	if s.pos+4 > len(s.data) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.data[s.pos:s.pos+4]), 16, 16)
	s.pos += 4
	return rune(n), err == nil
}
