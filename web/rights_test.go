package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/rollbackd/rollbackd/web"
)

var update = flag.Bool("update", false, "write the tables of rights into docs/api.md")

// What somebody gets who may do it is "yes"; else the status. The first table is
// TCP, with a web-config file but for its first column.
const tcpRights = `
| over TCP | no users | wrong password | user, no roles | in no role | viewer | operator | approver | "root" |
|---|---|---|---|---|---|---|---|---|
| reading | yes | 401 | yes | yes | yes | yes | yes | yes |
| gate | yes | 401 | yes | yes | yes | yes | yes | yes |
| ack | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| pause | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| resume | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| lock | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| unlock | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| deployments | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| signals | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| rehearse | 403 | 401 | 403 | 403 | 403 | yes | yes | 403 |
| rehearse, in another service | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| approve | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| veto | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| abort | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| close | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| pardon | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| rollback | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| reload | 403 | 401 | 403 | 403 | 403 | 403 | yes | 403 |
| approve, breaking the glass | 403 | 401 | 403 | 403 | 403 | 403 | 403 | 403 |
| rollback, breaking the glass | 403 | 401 | 403 | 403 | 403 | 403 | 403 | 403 |
`

// The second table is the socket: its first three columns without roles, the
// others with them. "not known" is somebody whom the kernel does not name.
const socketRights = `
| on the socket | no roles | not known, no roles | root, no roles | in no role | not known | viewer | operator | approver | root |
|---|---|---|---|---|---|---|---|---|---|
| reading | yes | yes | yes | yes | yes | yes | yes | yes | yes |
| gate | yes | yes | yes | yes | yes | yes | yes | yes | yes |
| ack | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| pause | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| resume | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| lock | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| unlock | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| deployments | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| signals | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| rehearse | yes | yes | yes | 403 | 403 | 403 | yes | yes | yes |
| rehearse, in another service | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| approve | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| veto | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| abort | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| close | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| pardon | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| rollback | yes | yes | yes | 403 | 403 | 403 | 403 | yes | yes |
| reload | yes | yes | yes | yes | yes | yes | yes | yes | yes |
| approve, breaking the glass | 403 | 403 | yes | 403 | 403 | 403 | 403 | 403 | yes |
| rollback, breaking the glass | 403 | 403 | yes | 403 | 403 | 403 | 403 | 403 | yes |
`

// roles are those of [web] roles in every column that has any. dave is in none of
// the three, root is only a name.
func roles() map[string][]string {
	return map[string][]string{
		"viewer": {"vera"}, "operator": {"oscar"}, "approver": {"ann"}, "ops-lead": {"ann", "dave"},
	}
}

// verbRequest is the request behind a row of the tables.
func verbRequest(t *testing.T, row string) (method, path, body string) {
	t.Helper()
	const reason = `{"reason":"a test"}`
	verb, glass, _ := strings.Cut(row, ", ")
	switch verb {
	case "rehearse":
		if glass != "" {
			return "POST", "/api/v1/services/checkout/rehearse", `{"reason":"a test","in":"staging"}`
		}
		return "POST", "/api/v1/services/checkout/rehearse", `{}`
	case "reading":
		return "GET", "/api/v1/incidents", ""
	case "gate":
		return "GET", "/api/v1/gate/checkout", ""
	case "reload":
		return "POST", "/-/reload", ""
	case "deployments":
		return "POST", "/api/v1/deployments", `{"service":"checkout","version":"v2"}`
	case "signals":
		return "POST", "/api/v1/signals", `{"service":"checkout","name":"flag_failed"}`
	case "pardon":
		return "POST", "/api/v1/services/checkout/pardon", `{"version":"v1"}`
	case "pause", "resume", "lock", "unlock":
		return "POST", "/api/v1/services/checkout/" + verb, reason
	case "rollback":
		path = "/api/v1/services/checkout/rollback"
	case "ack", "approve", "veto", "abort", "close":
		path = "/api/v1/incidents/inc-3/" + verb
	default:
		t.Fatalf("no request is known for the row %q", row)
	}
	if glass != "" {
		return "POST", path, `{"reason":"a test","break_glass":true}`
	}
	return "POST", path, reason
}

// table is one of those above: what stands in each column, by row.
func table(text string) (heads []string, rows map[string][]string) {
	rows = map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case heads == nil:
			heads = cells[1:]
		case cells[0] != "---":
			rows[cells[0]] = cells[1:]
		}
	}
	return heads, rows
}

// checkCell holds one answer to its cell: who may not is told what it takes, and
// nothing is carried out.
func checkCell(t *testing.T, want string, got answer, carriedOut int) {
	t.Helper()
	status := 200
	if want != "yes" {
		status, _ = strconv.Atoi(want)
	}
	if got.status != status {
		t.Errorf("got %d, want %s\n%s", got.status, want, got.body)
	}
	if want != "yes" && carriedOut > 0 {
		t.Error("refused, and carried out all the same")
	}
	if want == "403" && got.ErrorType != web.ErrorForbidden {
		t.Errorf("error_type: got %q, want forbidden", got.ErrorType)
	}
}

// done counts what a world was told to do.
func (w *world) done() int { return len(w.commands) + len(w.inputs) + w.reloads + len(w.rehearsals) }

func TestRightsOnTheSocket(t *testing.T) {
	peers := map[string]web.Peer{
		"no roles": {Name: "alice"}, "not known, no roles": {}, "root, no roles": {Name: "root", Root: true},
		"in no role": {Name: "dave"}, "not known": {}, "viewer": {Name: "vera"}, "operator": {Name: "oscar"}, "approver": {Name: "ann"},
		"root": {Name: "root", Root: true},
	}
	heads, rows := table(socketRights)
	for row, cells := range rows {
		method, path, body := verbRequest(t, row)
		for i, head := range heads {
			t.Run(row+"/"+head, func(t *testing.T) {
				by, known := peers[head]
				if !known {
					t.Fatalf("nobody is known for the column %q", head)
				}
				w := newWorld()
				if i > 2 {
					w.roles = roles()
				}
				got := send(t, w.server().Socket(), request(t, by, method, path, body))
				checkCell(t, cells[i], got, w.done())
				if cells[i] == "yes" && method == "POST" && w.done() != 1 {
					t.Errorf("allowed, and carried out %d times", w.done())
				}
			})
		}
	}
}

// webConfig writes a web-config file with the users of the tables; each has their
// own name as password.
func webConfig(t *testing.T, more string) string {
	t.Helper()
	text := more + "basic_auth_users:\n"
	for _, name := range []string{"dave", "vera", "oscar", "ann", "root"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		text += "  " + name + ": " + string(hash) + "\n"
	}
	path := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// column is one of TCP's: who asks, and whom the server knows.
type column struct {
	user, password string
	users, roles   bool
}

func TestRightsOverTCP(t *testing.T) {
	columns := map[string]column{
		"no users":       {user: "ann", password: "ann", roles: true},
		"wrong password": {user: "ann", password: "guess", users: true, roles: true},
		"user, no roles": {user: "ann", password: "ann", users: true},
		"in no role":     {user: "dave", password: "dave", users: true, roles: true},
		"viewer":         {user: "vera", password: "vera", users: true, roles: true},
		"operator":       {user: "oscar", password: "oscar", users: true, roles: true},
		"approver":       {user: "ann", password: "ann", users: true, roles: true},
		`"root"`:         {user: "root", password: "root", users: true, roles: true},
	}
	config := webConfig(t, "")
	heads, rows := table(tcpRights)
	for i, head := range heads {
		c, known := columns[head]
		if !known {
			t.Fatalf("nobody is known for the column %q", head)
		}
		w := newWorld()
		if c.users {
			w.configFile = config
		}
		if c.roles {
			w.roles = roles()
		}
		l := listen(t, filepath.Join(socketDir(t), "r.sock"), "127.0.0.1:0")
		stop := serve(t, w, l)
		var allowed int
		for row, cells := range rows {
			t.Run(row+"/"+head, func(t *testing.T) {
				method, path, body := verbRequest(t, row)
				got := c.ask(t, method, "http://"+l.TCPAddr()+path, body)
				checkCell(t, cells[i], got, 0)
			})
			if cells[i] == "yes" && row != "reading" && row != "gate" {
				allowed++
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if w.done() != allowed {
			t.Errorf("%s: %d were carried out, want the %d that are allowed", head, w.done(), allowed)
		}
		for _, command := range w.commands {
			if command.Actor != c.user {
				t.Errorf("%s: the actor of %s is %q, want %q", head, command.Verb, command.Actor, c.user)
			}
		}
	}
}

// ask sends one request over TCP, as the column's user.
func (c column) ask(t *testing.T, method, url, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(c.user, c.password)
	r.Header.Set("Content-Type", "application/json")
	return fetch(t, freshClient(), r)
}

// freshClient keeps no connection.
func freshClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// fetch sends a request on its way and reads the answer.
func fetch(t *testing.T, client *http.Client, r *http.Request) answer {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body.Bytes(), &a.Envelope); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// TestEveryVerbHasARow: an endpoint that is new must be in the tables.
func TestEveryVerbHasARow(t *testing.T) {
	_, tcp := table(tcpRights)
	_, socket := table(socketRights)
	for _, verb := range web.Verbs() {
		if tcp[verb] == nil || socket[verb] == nil {
			t.Errorf("%s is in no table of rights", verb)
		}
	}
	if n := len(web.Verbs()); n != 15 {
		t.Errorf("there are %d verbs, want 15", n)
	}
}

func TestARefusalNamesWhatItTakes(t *testing.T) {
	config := webConfig(t, "")
	tests := []struct {
		name       string
		configFile string
		roles      map[string][]string
		user       string
		want       []string
	}{
		{"nobody on TCP", "", nil, "", []string{"TCP only reads", "abort", "approver", "unix socket"}},
		{"a user without roles", config, nil, "ann", []string{"abort", "ann", "approver", "[web] roles is not set"}},
		{"in no role", config, roles(), "dave", []string{"abort", "dave has none", "approver"}},
		{"in another role", config, roles(), "oscar", []string{"abort", "oscar has operator", "approver"}},
	}
	for _, tt := range tests {
		w := newWorld()
		w.configFile, w.roles = tt.configFile, tt.roles
		r := request(t, web.Peer{}, "POST", "/api/v1/incidents/inc-3/abort", `{"reason":"x"}`)
		r.SetBasicAuth(tt.user, tt.user)
		got := send(t, w.server().TCP(), r)
		for _, want := range tt.want {
			if got.status != 403 || !strings.Contains(got.Error, want) {
				t.Errorf("%s: got %d %q, want 403 and %q in it", tt.name, got.status, got.Error, want)
			}
		}
	}
}

func TestACommandCarriesTheRolesOfItsActor(t *testing.T) {
	for name, want := range map[string][]string{"ann": {"approver", "ops-lead"}, "root": nil} {
		w := newWorld()
		w.roles = roles()
		by := web.Peer{Name: name, Root: name == "root"}
		got := send(t, w.server().Socket(), request(t, by, "POST", "/api/v1/incidents/inc-3/approve", `{"reason":"x"}`))
		if got.status != 200 || len(w.commands) != 1 || !slices.Equal(w.commands[0].Roles, want) {
			t.Errorf("%s: got %d and %+v, want one command with the roles %q", name, got.status, w.commands, want)
		}
	}
}

func TestRootMayBreakTheGlass(t *testing.T) {
	for _, verb := range []string{"rollback", "approve"} {
		w := newWorld()
		method, path, body := verbRequest(t, verb+", breaking the glass")
		got := send(t, w.server().Socket(), request(t, web.Peer{Name: "toor", Root: true}, method, path, body))
		if got.status != 200 || len(w.commands) != 1 || !w.commands[0].BreakGlass || w.commands[0].Actor != "toor" {
			t.Errorf("%s: got %d and %+v, want a command of toor's that breaks the glass", verb, got.status, w.commands)
		}
	}
}

const (
	rightsBegin = "<!-- rights: written by go test ./web -run TestTheTablesOfRightsAreInTheDocs -update -->\n"
	rightsEnd   = "<!-- end of rights -->\n"
)

func TestTheTablesOfRightsAreInTheDocs(t *testing.T) {
	const page = "../docs/api.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), rightsBegin)
	got, after, ended := strings.Cut(rest, rightsEnd)
	if !begun || !ended {
		t.Fatalf("%s has no section between %q and %q", page, rightsBegin, rightsEnd)
	}
	want := strings.TrimPrefix(tcpRights, "\n") + socketRights
	if *update {
		if err := os.WriteFile(page, []byte(before+rightsBegin+want+rightsEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s has other tables than this test; run it with -update (-test +page):\n%s", page, diff)
	}
}
