package web_test

import (
	"testing"

	"github.com/rollbackd/rollbackd/web"
)

// TestAnotherSitesPageChangesNothing asks as browsers do.
func TestAnotherSitesPageChangesNothing(t *testing.T) {
	tests := []struct {
		name, host, origin, site string
		socket, tcp              int
	}{
		{"no browser", "localhost:9797", "", "", 200, 200},
		{"our own page", "localhost:9797", "http://localhost:9797", "same-origin", 200, 200},
		{"our own page, an old browser", "localhost:9797", "http://localhost:9797", "", 200, 200},
		{"typed by hand", "localhost:9797", "", "none", 200, 200},
		{"another site", "localhost:9797", "https://evil.example.net", "cross-site", 403, 403},
		{"another site, an old browser", "localhost:9797", "https://evil.example.net", "", 403, 403},
		{"another port of ours", "localhost:9797", "http://localhost:3000", "same-site", 403, 403},
		{"a frame of nowhere", "localhost:9797", "null", "", 403, 403},
		{"a name pointed at us", "evil.example.net", "http://evil.example.net", "same-origin", 403, 403},
		{"a name pointed at us, an old browser", "evil.example.net", "http://evil.example.net", "", 403, 403},
		{"no browser, another name", "rollbackd", "", "", 200, 403},
	}
	for _, tt := range tests {
		for door, want := range map[string]int{"socket": tt.socket, "TCP": tt.tcp} {
			w := newWorld()
			w.configFile, w.roles = webConfig(t, ""), roles()
			h := w.server().Socket()
			if door == "TCP" {
				h = w.server().TCP()
			}
			r := request(t, web.Peer{Name: "ann"}, "POST", "/api/v1/services/checkout/lock", `{"reason":"x"}`)
			r.SetBasicAuth("ann", "ann")
			r.Host = tt.host
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Sec-Fetch-Site", tt.site)
			got := send(t, h, r)
			if got.status != want || w.done() != btoi(want == 200) {
				t.Errorf("%s, on %s: got %d and %d commands, want %d\n%s", tt.name, door, got.status, w.done(), want, got.body)
			}
			if want == 403 && got.ErrorType != web.ErrorForbidden {
				t.Errorf("%s, on %s: error_type %q", tt.name, door, got.ErrorType)
			}
		}
	}
}

// TestEveryChangeAsksForTheOrigin: none of the endpoints is left out.
func TestEveryChangeAsksForTheOrigin(t *testing.T) {
	_, rows := table(socketRights)
	for row := range rows {
		method, path, body := verbRequest(t, row)
		if method == "GET" {
			continue
		}
		w := newWorld()
		r := request(t, web.Peer{Name: "root", Root: true}, method, path, body)
		r.Header.Set("Origin", "https://evil.example.net")
		if got := send(t, w.server().Socket(), r); got.status != 403 || w.done() > 0 {
			t.Errorf("%s: got %d and %d commands, want 403 and none", row, got.status, w.done())
		}
	}
}

// TestANamePointedAtTheSocketReadsNothing: the socket may be carried to a port of
// the machine that somebody's browser runs on. Such a browser says nothing of where
// the page is from that asks.
func TestANamePointedAtTheSocketReadsNothing(t *testing.T) {
	for host, want := range map[string]int{
		"localhost:9797": 200, "127.0.0.1:9797": 200, "[::1]:9797": 200, "rollbackd": 200, "": 200, "evil.example.net": 403, "evil.example.net:9797": 403, "evil.": 403,
	} {
		for _, path := range append(views(), "/api/v1/incidents", "/metrics") {
			r := request(t, web.Peer{Name: "alice"}, "GET", path, "")
			r.Host = host
			if got := send(t, newWorld().server().Socket(), r); got.status != want {
				t.Errorf("Host %q, %s: got %d, want %d", host, path, got.status, want)
			}
		}
	}
}

func TestABodyIsCalledJSON(t *testing.T) {
	const lock, reload = "/api/v1/services/checkout/lock", "/-/reload"
	tests := []struct {
		path, kind, body string
		want             int
	}{
		{lock, "application/json", `{"reason":"x"}`, 200},
		{lock, "application/json; charset=utf-8", `{"reason":"x"}`, 200},
		{lock, "Application/JSON", `{"reason":"x"}`, 200},
		{lock, "", `{"reason":"x"}`, 415},
		{lock, "text/plain", `{"reason":"x"}`, 415},
		{lock, "application/x-www-form-urlencoded", `{"reason":"x"}`, 415},
		{lock, "multipart/form-data; boundary=x", `{"reason":"x"}`, 415},
		{lock, "text/plain; application/json", `{"reason":"x"}`, 415},
		{lock, ";;", `{"reason":"x"}`, 415},
		{lock, "", "", 400},
		{reload, "", "", 200},
		{reload, "application/x-www-form-urlencoded", "", 415},
	}
	for _, tt := range tests {
		w := newWorld()
		r := request(t, web.Peer{Name: "alice"}, "POST", tt.path, tt.body)
		r.Header.Set("Content-Type", tt.kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin") // a page: other programs need not say it on the socket
		if tt.kind == "" {
			r.Header.Del("Content-Type")
		}
		got := send(t, w.server().Socket(), r)
		if got.status != tt.want || w.done() != btoi(tt.want == 200) {
			t.Errorf("%s %q: got %d and %d commands, want %d\n%s", tt.path, tt.kind, got.status, w.done(), tt.want, got.body)
		}
		if tt.want == 415 && got.ErrorType != "unsupported_media_type" {
			t.Errorf("%s %q: error_type %q", tt.path, tt.kind, got.ErrorType)
		}
	}
}

// TestCurlIsEnoughOnTheSocket: no page reaches the socket, so what a form would
// call its body does not matter there.
func TestCurlIsEnoughOnTheSocket(t *testing.T) {
	w := newWorld()
	r := request(t, web.Peer{Name: "alice"}, "POST", "/api/v1/services/checkout/lock", `{"reason":"x"}`)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := send(t, w.server().Socket(), r); got.status != 200 || w.done() != 1 {
		t.Errorf("got %d and %d commands, want 200 and one\n%s", got.status, w.done(), got.body)
	}
}

// TestTheNameOfListenIsOurs: who wrote a name there calls us by it.
func TestTheNameOfListenIsOurs(t *testing.T) {
	for host, want := range map[string]int{"metrics.lan:9797": 200, "METRICS.lan": 200, "metrics.lan.evil.example.net": 403, "": 403} {
		r := request(t, web.Peer{}, "GET", "/api/v1/services", "")
		r.Host = host
		if got := send(t, newWorld().server().ListeningAs("metrics.lan"), r); got.status != want {
			t.Errorf("Host %q: got %d, want %d", host, got.status, want)
		}
	}
	r := request(t, web.Peer{}, "GET", "/api/v1/services", "")
	r.Host = ""
	if got := send(t, newWorld().server().ListeningAs(""), r); got.status != 403 {
		t.Errorf("no Host, and no name to listen on: got %d, want 403", got.status)
	}
}
