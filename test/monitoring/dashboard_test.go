package monitoring_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what is looked at of dashboard.json.
type dashboard struct {
	Title         string  `json:"title"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name  string          `json:"name"`
			Type  string          `json:"type"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []struct {
		Expr       string `json:"expr"`
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
	} `json:"targets"`
}

func theDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, filepath.Join(shipped, "dashboard.json"))), &d); err != nil {
		t.Fatalf("dashboard.json: %v", err)
	}
	return d
}

// plain is a query as Prometheus gets it: Grafana's own words are filled in.
func plain(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m", "$__range", "1h", "$job", "rollbackd", "$instance", ".*", "$service", ".*").Replace(expr)
}

// queries are all that the dashboard asks of Prometheus, by where.
func (d dashboard) queries() map[string][]string {
	all := map[string][]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all["panel "+p.Title] = append(all["panel "+p.Title], q.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all["annotation "+a.Name] = append(all["annotation "+a.Name], a.Expr)
	}
	return all
}

func TestTheDashboardIsWhole(t *testing.T) {
	d := theDashboard(t)
	if d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("title %q, schema version %d: want Grafana 10's or a later one", d.Title, d.SchemaVersion)
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d %q: no name of its own", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 {
			t.Errorf("%s does not fit into the grid: %+v", p.Title, p.GridPos)
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s: description %q, %d queries", p.Title, p.Description, len(p.Targets))
		}
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s asks %q, want the variable", p.Title, p.Datasource.UID)
		}
		for _, q := range p.Targets {
			if q.Datasource.UID != "${datasource}" {
				t.Errorf("%s asks %q, want the variable", p.Title, q.Datasource.UID)
			}
		}
	}
	if uid := regexp.MustCompile(`"uid": "[^$]`).FindString(read(t, filepath.Join(shipped, "dashboard.json"))); uid != "" {
		t.Errorf("a uid of somebody's own Grafana: %s", uid)
	}
}

// TestPanelsDoNotOverlap looks at the grid, cell by cell.
func TestPanelsDoNotOverlap(t *testing.T) {
	taken := map[[2]int]string{}
	for _, p := range theDashboard(t).Panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, there := taken[[2]int{x, y}]; there {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
