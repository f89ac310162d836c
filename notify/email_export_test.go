package notify

import "bytes"

// WriteMail is a message as it would be sent.
func WriteMail(o EmailOptions, m Message) ([]byte, error) {
	e, err := NewEmail(o)
	if err != nil {
		return nil, err
	}
	letter, err := e.letter(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = letter.WriteTo(&b)
	return b.Bytes(), err
}
