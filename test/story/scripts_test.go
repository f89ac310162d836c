package story_test

import (
	"os"
	"path/filepath"
	"testing"
)

// The files of a site: what a team has beside its service. Each program that the
// plan runs goes through logged.sh, so that what was done stands in one place.
const (
	loggedScript = `#!/bin/sh
# logged.sh ROOT LABEL PROGRAM...: writes down that it was begun, and runs it.
set -eu
echo "$2" >>"$1/steps.log"
shift 2
exec "$@"
`
	// maintenanceScript waits until somebody has seen the page, so that it is never off
	// again before. It runs what is in the hook, where a test wants something to happen
	// at just that moment.
	maintenanceScript = `#!/bin/sh
# maintenance.sh ROOT on|off
set -eu
case $2 in
  on) touch "$1/maintenance"; until [ -e "$1/seen-shut" ]; do sleep 0.05; done; if [ -e "$1/hook" ]; then . "$1/hook"; fi ;;
  off) rm -f "$1/maintenance" ;;
esac
`
	restartScript = `#!/bin/sh
# restart.sh ROOT RELEASE UNIT: puts a release on its node and waits until it runs.
set -eu
node=$(readlink "$1/releases/$2/$3")
ln -sfn "$1/releases/$2" "$node/release.new"
mv -T "$node/release.new" "$node/release"
rm -f "$node/running"
kill -HUP "$(cat "$node/pid")"
until [ "$(cat "$node/running" 2>/dev/null)" = "$2" ]; do sleep 0.05; done
`
	schema = `
CREATE TABLE orders (id serial PRIMARY KEY, total_cents integer NOT NULL);
INSERT INTO orders (total_cents) SELECT generate_series(1, 100);
CREATE TABLE flags (name text PRIMARY KEY, enabled boolean NOT NULL);
INSERT INTO flags VALUES ('new_prices', true);
CREATE TABLE migrations (number integer PRIMARY KEY, reversible boolean NOT NULL);
INSERT INTO migrations VALUES (1, true);
`
	migrateUp = `
ALTER TABLE orders RENAME total_cents TO total;
INSERT INTO migrations VALUES (2, :'reversible');
`
	migrateDown = `
ALTER TABLE orders RENAME total TO total_cents;
DELETE FROM migrations WHERE number = 2;
`
	// isReversible exits 0 only where every migration since the first can be undone.
	isReversible = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM migrations WHERE number > 1 AND NOT reversible) THEN
    RAISE EXCEPTION 'a migration is marked irreversible';
  END IF;
END $$;
`
)

func writeScripts(t *testing.T, root string) {
	t.Helper()
	for name, text := range map[string]string{
		"logged.sh": loggedScript, "maintenance.sh": maintenanceScript, "restart.sh": restartScript,
		"schema.sql": schema, "up.sql": migrateUp, "down.sql": migrateDown, "reversible.sql": isReversible,
	} {
		put(t, filepath.Join(root, name), text)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
