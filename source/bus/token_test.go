package bus

import "testing"

func TestTokensAreReadBackAsWritten(t *testing.T) {
	for name, want := range map[string]string{
		"checkout": "checkout", "Check_out-2": "Check_out-2", "shop.checkout": "=c2hvcC5jaGVja291dA", "a b": "=YSBi", "*": "=Kg", ">": "=Pg", "=": "=PQ", "zażółć": "=emHFvMOzxYLEhw",
	} {
		got := EncodeToken(name)
		if got != want {
			t.Errorf("EncodeToken(%q) = %q, want %q", name, got, want)
		}
		if back, ok := decodeToken(got); !ok || back != name {
			t.Errorf("%q is read back as %q, %t", got, back, ok)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("checkout")
	f.Add("shop.checkout > *")
	f.Fuzz(func(t *testing.T, name string) {
		token := EncodeToken(name)
		if back, ok := decodeToken(token); name != "" && (!ok || back != name) {
			t.Errorf("%q became %q and is read back as %q, %t", name, token, back, ok)
		}
		for _, c := range token {
			if c == '.' || c == '*' || c == '>' || c <= ' ' {
				t.Errorf("%q became %q, which is no single word", name, token)
			}
		}
	})
}
