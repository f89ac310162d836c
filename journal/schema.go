package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// schemaVersion is kept in the file as user_version.
const schemaVersion = 3

// addRefused makes a file of version 1 one of version 2.
const addRefused = `
ALTER TABLE outbox ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 2;
`

// outboxTable is that of version 3: in it, a message can be withheld.
const outboxTable = `
CREATE TABLE outbox (
	n          INTEGER PRIMARY KEY,
	id         TEXT    NOT NULL,
	receiver   TEXT    NOT NULL,
	incident   TEXT    NOT NULL,
	at         INTEGER NOT NULL,
	payload    BLOB    NOT NULL, -- emptied once the row has ended
	state      TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up', 'withheld')),
	due        INTEGER NOT NULL DEFAULT 0,
	attempts   INTEGER NOT NULL DEFAULT 0,
	last_error TEXT    NOT NULL DEFAULT '',
	ended      INTEGER NOT NULL DEFAULT 0,
	refused    INTEGER NOT NULL DEFAULT 0, -- whether the last attempt was
	UNIQUE (id, receiver)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (receiver, incident, n) WHERE state = 'waiting';
CREATE INDEX outbox_of_incident ON outbox (incident, receiver, n) WHERE incident <> '';
`

// addWithheld makes the outbox that of version 3. SQLite cannot change what a
// column is checked for, so the table is made anew.
const addWithheld = `
ALTER TABLE outbox RENAME TO outbox_before;
DROP INDEX outbox_waiting;
` + outboxTable + `
INSERT INTO outbox (n, id, receiver, incident, at, payload, state, due, attempts, last_error, ended, refused)
	SELECT n, id, receiver, incident, at, payload, state, due, attempts, last_error, ended, refused FROM outbox_before;
DROP TABLE outbox_before;
`

// addKept makes a file of version 2 one of version 3.
const addKept = addWithheld + `
ALTER TABLE entries ADD COLUMN detail BLOB;
ALTER TABLE entries ADD COLUMN detail_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN detail_hash TEXT NOT NULL DEFAULT '';
DROP TRIGGER entries_are_final;
` + entryRules + keptTables + `PRAGMA user_version = 3;`

// entryRules let nothing change in an entry but that its details are removed.
const entryRules = `
CREATE INDEX entries_with_details ON entries (at, incident) WHERE detail IS NOT NULL;
CREATE TRIGGER entries_are_final BEFORE UPDATE ON entries
	WHEN NOT (NEW.detail IS NULL AND OLD.detail IS NOT NULL AND NEW.seq = OLD.seq AND NEW.at = OLD.at AND NEW.kind = OLD.kind
		AND NEW.service = OLD.service AND NEW.incident = OLD.incident AND NEW.entry = OLD.entry AND NEW.prev = OLD.prev
		AND NEW.hash = OLD.hash AND NEW.detail_at = OLD.detail_at AND NEW.detail_hash = OLD.detail_hash)
	BEGIN SELECT RAISE(ABORT, 'a journal entry is never changed'); END;
`

// keptTables are those of version 3: what receivers keep, and the summaries of
// incidents, which are read off the entries and may be made again from them.
const keptTables = `
CREATE TABLE kept (
	receiver TEXT NOT NULL,
	incident TEXT NOT NULL,
	value    TEXT NOT NULL, -- the receiver's own: where it has put the incident
	PRIMARY KEY (receiver, incident)
) STRICT;
CREATE TABLE summaries (
	incident TEXT    PRIMARY KEY,
	service  TEXT    NOT NULL,
	opened   INTEGER NOT NULL, -- nanoseconds since the Unix epoch
	closed   INTEGER NOT NULL DEFAULT 0,
	seq      INTEGER NOT NULL, -- the entry that changed it last
	summary  BLOB    NOT NULL
) STRICT;
CREATE INDEX summaries_opened ON summaries (opened, incident);
CREATE INDEX summaries_of_service ON summaries (service, opened, incident);
CREATE INDEX summaries_changed ON summaries (seq);
`

// schema of version 3. The head repeats the newest entry, so that entries cut
// off at the end are missed too, and not only those in the middle.
const schema = `
CREATE TABLE entries (
	seq      INTEGER PRIMARY KEY,
	at       INTEGER NOT NULL, -- nanoseconds since the Unix epoch
	kind     TEXT    NOT NULL,
	service  TEXT    NOT NULL,
	incident TEXT    NOT NULL,
	entry    BLOB    NOT NULL,
	prev     TEXT    NOT NULL,
	hash     TEXT    NOT NULL,
	detail      BLOB, -- a salt, and what was cut out of the entry; NULL where nothing was, or it was removed
	detail_at   INTEGER NOT NULL DEFAULT 0, -- where in the entry it belongs
	detail_hash TEXT    NOT NULL DEFAULT '' -- empty for an entry without
) STRICT;
CREATE INDEX entries_of_incident ON entries (incident, seq) WHERE incident <> '';
CREATE INDEX entries_of_kind ON entries (kind, seq);
` + entryRules + `
CREATE TABLE head (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	seq  INTEGER NOT NULL,
	hash TEXT    NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, '');

` + outboxTable + keptTables + `PRAGMA user_version = 3;
`

// access is how a database file is opened.
type access int

const (
	writing access = iota
	reading
	frozen // in a place that nothing can be written to, not even the shared memory of readers
)

// busyTimeout is how long a connection waits for another one.
const busyTimeout = 5 * time.Second

// database prepares access to the file; it is opened at the first use.
func database(path string, mode access) (*sql.DB, error) {
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)"}}
	switch mode {
	case writing:
		query.Set("mode", "rw")
		query["_pragma"] = append(query["_pragma"], "journal_mode(WAL)", "synchronous(FULL)",
			// What was removed is gone from the file, and from a log that had once grown long.
			"secure_delete(ON)", "journal_size_limit(4194304)")
	case reading:
		query.Set("mode", "ro")
		query["_pragma"] = append(query["_pragma"], "query_only(1)")
	case frozen:
		query.Set("mode", "ro")
		query.Set("immutable", "1")
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	connector, err := sqlite.NewConnector(name.String())
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	db := sql.OpenDB(connector)
	if mode == writing {
		db.SetMaxOpenConns(1)
	} else {
		db.SetMaxOpenConns(4)
	}
	return db, nil
}

// prepareSchema makes the tables in a new file, and brings an older one up to date.
func prepareSchema(ctx context.Context, db *sql.DB) error {
	version, err := fileVersion(ctx, db)
	if err != nil {
		return err
	}
	if version == 1 || version == 2 {
		return transact(ctx, db, func() error { return raise(ctx, db, version) })
	}
	if version != 0 {
		return refuse(version)
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return refuse(0)
	}
	return transact(ctx, db, func() error {
		_, err := db.ExecContext(ctx, schema)
		return err
	})
}

// raise brings a file of an older version up to date, one version after the other.
func raise(ctx context.Context, db *sql.DB, version int) error {
	if version == 1 {
		if _, err := db.ExecContext(ctx, addRefused); err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, addKept)
	return err
}

// columnsOf are the columns of an entry in a file of any version that this program
// can read; the other tables are a daemon's own. It refuses one that it cannot.
func columnsOf(ctx context.Context, db *sql.DB) (string, error) {
	version, err := fileVersion(ctx, db)
	if err != nil {
		return "", err
	}
	if version == 1 || version == 2 {
		return undivided, nil
	}
	return columns, refuse(version)
}

func fileVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// refuse says why a version cannot be read; nil where it can.
func refuse(version int) error {
	switch version {
	case schemaVersion:
		return nil
	case 0:
		return errors.New("it is not a journal of rollbackd (choose another journal.path)")
	}
	return fmt.Errorf("its format is version %d and this rollbackd knows version %d: use the rollbackd that wrote it, or a newer one",
		version, schemaVersion)
}

// transact runs fn between BEGIN and COMMIT on the writer's one connection, and
// undoes everything where any of it fails. A write that has begun is not
// cancelled: an entry must never be half acknowledged.
func transact(ctx context.Context, db *sql.DB, fn func() error) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		_, err = db.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		return nil
	}
	// SQLite may have rolled back by itself already; then there is nothing to undo.
	if _, undo := db.ExecContext(ctx, "ROLLBACK"); undo != nil && !strings.Contains(undo.Error(), "no transaction") {
		return fmt.Errorf("%w (and the rollback: %w)", err, undo)
	}
	return err
}
