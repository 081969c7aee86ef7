import StorageSQL

/// The tables, and how older files are brought up to date: a list of statements for each version, in order. A
/// version that was released never changes.
enum SQLiteSchema {
    static let migrations = [
        Migration([
            """
            CREATE TABLE definitions (
                kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,
                rollout INTEGER NOT NULL, body BLOB NOT NULL, content_hash TEXT NOT NULL,
                created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
                PRIMARY KEY (kind, id, version)) WITHOUT ROWID
            """,
            "CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            "INSERT INTO numbers VALUES ('generation', 0)",
            """
            CREATE TABLE audit (
                id BLOB PRIMARY KEY, principal TEXT NOT NULL, action TEXT NOT NULL, resource_type TEXT NOT NULL,
                resource_id TEXT NOT NULL, details BLOB NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID
            """,
            """
            CREATE TABLE traces (
                id BLOB NOT NULL UNIQUE, channel_id TEXT NOT NULL, channel TEXT NOT NULL, mode INTEGER NOT NULL,
                status INTEGER NOT NULL, input BLOB NOT NULL, result BLOB NOT NULL, steps BLOB NOT NULL,
                error TEXT NOT NULL, token_hash BLOB NOT NULL, attempt INTEGER NOT NULL, is_dead INTEGER NOT NULL,
                owner TEXT NOT NULL, epoch INTEGER NOT NULL, due_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
                started_at INTEGER, completed_at INTEGER)
            """,
            "CREATE INDEX traces_open ON traces (due_at) WHERE status < 2",
            "CREATE INDEX traces_failed ON traces (id) WHERE status = 3",
            "CREATE INDEX traces_dead ON traces (completed_at) WHERE is_dead = 1",
        ]),
        Migration([
            "ALTER TABLE traces ADD COLUMN traceparent TEXT NOT NULL DEFAULT ''"
        ]),
        Migration([
            """
            CREATE TABLE occurrences (
                id BLOB PRIMARY KEY, channel_id TEXT NOT NULL, channel TEXT NOT NULL, scheduled_for INTEGER NOT NULL,
                is_manual INTEGER NOT NULL, status INTEGER NOT NULL, singleton_key TEXT NOT NULL, singleton_slot INTEGER,
                attempt INTEGER NOT NULL, instants INTEGER NOT NULL, first_missed INTEGER, error TEXT NOT NULL,
                owner TEXT NOT NULL, epoch INTEGER NOT NULL, created_at INTEGER NOT NULL, started_at INTEGER,
                completed_at INTEGER) WITHOUT ROWID
            """,
            "CREATE UNIQUE INDEX occurrences_instant ON occurrences (channel_id, scheduled_for)",
            "CREATE INDEX occurrences_time ON occurrences (scheduled_for)",
            "CREATE INDEX occurrences_pending ON occurrences (scheduled_for) WHERE status = 0",
            """
            CREATE UNIQUE INDEX occurrences_slot ON occurrences (singleton_key, singleton_slot)
                WHERE status = 1 AND singleton_slot IS NOT NULL
            """,
            "CREATE TABLE schedule_cursors (channel_id TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID",
            "INSERT INTO numbers VALUES ('schedule_epoch', 0)",
        ]),
        Migration([
            """
            CREATE TABLE admin_keys (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, prefix TEXT NOT NULL, hash BLOB NOT NULL,
                created_at INTEGER NOT NULL, expires_at INTEGER, last_used_at INTEGER) WITHOUT ROWID
            """,
            "INSERT INTO numbers VALUES ('admin_keys', 0)",
        ]),
    ]
}
