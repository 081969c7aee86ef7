import StorageSQL

/// The tables, and how older databases are brought up to date: a list of statements for each version, in order. A
/// version that was released never changes.
enum PostgresSchema {
    static let migrations = [
        Migration([
            """
            CREATE TABLE definitions (
                kind text NOT NULL, id text NOT NULL, version int8 NOT NULL, status text NOT NULL,
                rollout int8 NOT NULL, body bytea NOT NULL, content_hash text NOT NULL,
                created_at int8 NOT NULL, updated_at int8 NOT NULL, PRIMARY KEY (kind, id, version))
            """,
            "CREATE TABLE numbers (name text PRIMARY KEY, value int8 NOT NULL)",
            "INSERT INTO numbers VALUES ('generation', 0), ('schedule_epoch', 0), ('admin_keys', 0)",
            """
            CREATE TABLE audit (
                id uuid PRIMARY KEY, principal text NOT NULL, action text NOT NULL, resource_type text NOT NULL,
                resource_id text NOT NULL, details bytea NOT NULL, created_at int8 NOT NULL)
            """,
            """
            CREATE TABLE traces (
                id uuid PRIMARY KEY, channel_id text NOT NULL, channel text NOT NULL, mode int8 NOT NULL,
                status int8 NOT NULL, input bytea NOT NULL, result bytea NOT NULL, steps bytea NOT NULL,
                error text NOT NULL, token_hash bytea NOT NULL, attempt int8 NOT NULL, is_dead bool NOT NULL,
                owner text NOT NULL, epoch int8 NOT NULL, due_at int8 NOT NULL, created_at int8 NOT NULL,
                started_at int8, completed_at int8, traceparent text NOT NULL)
            """,
            "CREATE INDEX traces_open ON traces (due_at) WHERE status < 2",
            "CREATE INDEX traces_failed ON traces (id) WHERE status = 3",
            "CREATE INDEX traces_dead ON traces (completed_at) WHERE is_dead",
            """
            CREATE TABLE occurrences (
                id uuid PRIMARY KEY, channel_id text NOT NULL, channel text NOT NULL, scheduled_for int8 NOT NULL,
                is_manual bool NOT NULL, status int8 NOT NULL, singleton_key text NOT NULL, singleton_slot int8,
                attempt int8 NOT NULL, instants int8 NOT NULL, first_missed int8, error text NOT NULL,
                owner text NOT NULL, epoch int8 NOT NULL, created_at int8 NOT NULL, started_at int8, completed_at int8)
            """,
            "CREATE UNIQUE INDEX occurrences_instant ON occurrences (channel_id, scheduled_for)",
            "CREATE INDEX occurrences_time ON occurrences (scheduled_for)",
            "CREATE INDEX occurrences_pending ON occurrences (scheduled_for, id) WHERE status = 0",
            """
            CREATE UNIQUE INDEX occurrences_slot ON occurrences (singleton_key, singleton_slot)
            WHERE status = 1 AND singleton_slot IS NOT NULL
            """,
            "CREATE TABLE schedule_cursors (channel_id text PRIMARY KEY, through int8 NOT NULL)",
            """
            CREATE TABLE admin_keys (
                id text PRIMARY KEY, name text NOT NULL, scope text NOT NULL, prefix text NOT NULL,
                hash bytea NOT NULL, created_at int8 NOT NULL, expires_at int8, last_used_at int8)
            """,
        ]),
        Migration([
            """
            CREATE TABLE instances (
                id text PRIMARY KEY, version text NOT NULL, address text NOT NULL, generation int8 NOT NULL,
                admin_keys int8 NOT NULL, reloads int8 NOT NULL, included text NOT NULL, excluded text NOT NULL,
                runs_schedules int8 NOT NULL, connections int8 NOT NULL, queued int8 NOT NULL, workers int8 NOT NULL,
                workers_active int8 NOT NULL, started_at int8 NOT NULL, beat_at int8 NOT NULL)
            """,
            "CREATE TABLE leadership (holder text NOT NULL, expires_at int8 NOT NULL, epoch int8 NOT NULL)",
            "INSERT INTO leadership SELECT '', 0, value FROM numbers WHERE name = 'schedule_epoch'",
            """
            INSERT INTO numbers
            SELECT 'wanted', value FROM numbers WHERE name = 'generation'
            UNION ALL VALUES ('reloads', 0), ('announced_at', 0)
            """,
        ]),
    ]
}
