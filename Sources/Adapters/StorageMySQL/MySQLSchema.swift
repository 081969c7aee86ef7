import StorageSQL

/// The tables, and how older databases are brought up to date: a list of statements for each version, in order. A
/// version that was released never changes.
///
/// A statement that changes the schema cannot be undone with a transaction here: each can be run again after an instance
/// died between two of them. Texts are compared byte by byte, identifiers are the 16 bytes that sort by time.
enum MySQLSchema {
    private static let kind = "ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin"

    static let migrations = [
        Migration([
            """
            CREATE TABLE IF NOT EXISTS definitions (
                kind VARCHAR(32) NOT NULL, id VARCHAR(255) NOT NULL, version BIGINT NOT NULL,
                status VARCHAR(32) NOT NULL, rollout BIGINT NOT NULL, body LONGBLOB NOT NULL,
                content_hash VARCHAR(255) NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
                PRIMARY KEY (kind, id, version)) \(kind)
            """,
            "CREATE TABLE IF NOT EXISTS numbers (name VARCHAR(64) PRIMARY KEY, value BIGINT NOT NULL) \(kind)",
            "INSERT IGNORE INTO numbers VALUES ('generation', 0), ('schedule_epoch', 0), ('admin_keys', 0)",
            """
            CREATE TABLE IF NOT EXISTS audit (
                id BINARY(16) PRIMARY KEY, principal VARCHAR(512) NOT NULL, action VARCHAR(255) NOT NULL,
                resource_type VARCHAR(255) NOT NULL, resource_id VARCHAR(512) NOT NULL, details LONGBLOB NOT NULL,
                created_at BIGINT NOT NULL, KEY audit_time (created_at)) \(kind)
            """,
            // Those that wait or run have is_open: an index of its own finds the due among them, in order. A list of one
            // status goes by the second (every index ends with the identifier), dead letters by the third.
            """
            CREATE TABLE IF NOT EXISTS traces (
                id BINARY(16) PRIMARY KEY, channel_id VARCHAR(255) NOT NULL, channel VARCHAR(255) NOT NULL,
                mode TINYINT NOT NULL, status TINYINT NOT NULL, input LONGBLOB NOT NULL, result LONGBLOB NOT NULL,
                steps LONGBLOB NOT NULL, error MEDIUMTEXT NOT NULL, token_hash VARBINARY(255) NOT NULL,
                attempt BIGINT NOT NULL, is_dead TINYINT NOT NULL, owner VARCHAR(255) NOT NULL, epoch BIGINT NOT NULL,
                due_at BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT, completed_at BIGINT,
                traceparent VARCHAR(255) NOT NULL,
                is_open TINYINT AS (CASE WHEN status < 2 THEN 1 END) STORED,
                KEY traces_open (is_open, due_at), KEY traces_status (status), KEY traces_dead (is_dead, completed_at)
            ) \(kind)
            """,
            // One run holds a slot: what ended holds none, and nulls are never the same.
            """
            CREATE TABLE IF NOT EXISTS occurrences (
                id BINARY(16) PRIMARY KEY, channel_id VARCHAR(255) NOT NULL, channel VARCHAR(255) NOT NULL,
                scheduled_for BIGINT NOT NULL, is_manual TINYINT NOT NULL, status TINYINT NOT NULL,
                singleton_key VARCHAR(255) NOT NULL, singleton_slot BIGINT, attempt BIGINT NOT NULL,
                instants BIGINT NOT NULL, first_missed BIGINT, error MEDIUMTEXT NOT NULL, owner VARCHAR(255) NOT NULL,
                epoch BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT, completed_at BIGINT,
                held_slot BIGINT AS (CASE WHEN status = 1 THEN singleton_slot END) STORED,
                UNIQUE KEY occurrences_instant (channel_id, scheduled_for), KEY occurrences_time (scheduled_for),
                KEY occurrences_status (status, scheduled_for, id), UNIQUE KEY occurrences_slot (singleton_key, held_slot),
                KEY occurrences_holder (singleton_key, singleton_slot, status)) \(kind)
            """,
            """
            CREATE TABLE IF NOT EXISTS schedule_cursors (
                channel_id VARCHAR(255) PRIMARY KEY, through BIGINT NOT NULL) \(kind)
            """,
            """
            CREATE TABLE IF NOT EXISTS admin_keys (
                id VARCHAR(255) PRIMARY KEY, name VARCHAR(512) NOT NULL, scope VARCHAR(64) NOT NULL,
                prefix VARCHAR(64) NOT NULL, hash VARBINARY(255) NOT NULL, created_at BIGINT NOT NULL,
                expires_at BIGINT, last_used_at BIGINT) \(kind)
            """,
        ]),
        Migration([
            """
            CREATE TABLE IF NOT EXISTS instances (
                id VARCHAR(255) PRIMARY KEY, version VARCHAR(255) NOT NULL, address VARCHAR(2048) NOT NULL,
                generation BIGINT NOT NULL, admin_keys BIGINT NOT NULL, reloads BIGINT NOT NULL,
                included MEDIUMTEXT NOT NULL, excluded MEDIUMTEXT NOT NULL, runs_schedules BIGINT NOT NULL,
                connections BIGINT NOT NULL, queued BIGINT NOT NULL, workers BIGINT NOT NULL,
                workers_active BIGINT NOT NULL, started_at BIGINT NOT NULL, beat_at BIGINT NOT NULL) \(kind)
            """,
            """
            CREATE TABLE IF NOT EXISTS leadership (
                place TINYINT PRIMARY KEY, holder VARCHAR(255) NOT NULL, expires_at BIGINT NOT NULL,
                epoch BIGINT NOT NULL) \(kind)
            """,
            "INSERT IGNORE INTO leadership SELECT 1, '', 0, value FROM numbers WHERE name = 'schedule_epoch'",
            """
            INSERT IGNORE INTO numbers
            SELECT 'wanted', value FROM numbers AS known WHERE name = 'generation'
            UNION ALL SELECT 'reloads', 0 UNION ALL SELECT 'announced_at', 0
            """,
        ]),
    ]
}
