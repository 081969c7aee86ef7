import Storage
import Vocabulary

/// The statements about instances and leadership whose text never changes.
///
/// Rows are locked in the order instances, leadership, numbers, and only by those who change them. Leadership is one row,
/// the epoch another: the leader renews the one while its writes hold the other, and only whoever takes over waits for
/// them.
struct ClusterTexts: Sendable {
    private static let columns = [
        "id", "version", "address", "generation", "admin_keys", "reloads", "included", "excluded", "runs_schedules",
        "connections", "queued", "workers", "workers_active", "started_at", "beat_at",
    ]

    /// The epoch of the newest leader.
    static let epoch = "SELECT value FROM numbers WHERE name = 'schedule_epoch'"
    /// A condition on an epoch: nobody leads under a later one.
    static let leads = "? >= (\(epoch))"

    private let registerText: String
    private let beatText: String
    private let forgetText: String
    private let renewText: String
    private let takeVacantText: String
    private let takeText: String
    private let raiseText: String
    private let resignText: String
    /// Whoever lets go says so: another one takes over at once.
    private let sayResigningText: String?
    private let leadershipText: String
    private let membersText: String
    private let departText: String
    private let wantText: String
    private let announcedAtText: String
    private let orderText: String
    let announcing: [StoreStatement]

    init(_ dialect: any Dialect) {
        let now = dialect.now
        registerText = dialect.marked(dialect.insertUnlessTaken(into: "instances", Self.columns, key: ["id"]))
        let told = Self.columns.dropFirst().dropLast(2).map { "\($0) = ?" }.joined(separator: ", ")
        beatText = dialect.marked(
            """
            UPDATE instances SET \(told), started_at = CASE WHEN started_at = 0 THEN \(now) ELSE started_at END,
            beat_at = \(now) WHERE id = ?
            """)
        forgetText = dialect.marked("DELETE FROM instances WHERE beat_at < \(now) - ?")
        renewText = dialect.marked("UPDATE leadership SET expires_at = \(now) + ? WHERE holder = ?")
        func take(_ condition: String) -> String {
            """
            UPDATE leadership SET holder = ?, expires_at = \(now) + ?, epoch = epoch + 1
            WHERE holder <> ? AND \(condition)
            """
        }
        takeVacantText = dialect.marked(take("holder = ''"))
        takeText = dialect.marked(take("(holder = '' OR expires_at <= \(now))"))
        raiseText = dialect.marked(
            """
            UPDATE numbers SET value = (SELECT epoch FROM leadership) WHERE name = 'schedule_epoch'
            AND value < (SELECT epoch FROM leadership WHERE holder = ?)
            """)
        resignText = dialect.marked("UPDATE leadership SET holder = '', expires_at = 0 WHERE holder = ?")
        leadershipText = "SELECT \(now), CASE WHEN expires_at > \(now) THEN holder ELSE '' END, epoch FROM leadership"
        membersText = dialect.marked(
            """
            SELECT \(Self.columns.joined(separator: ", ")), CASE WHEN beat_at + ? > \(now) THEN 1 ELSE 0 END
            FROM instances
            """)
        departText = dialect.marked("DELETE FROM instances WHERE id = ?")
        wantText = dialect.marked("UPDATE numbers SET value = ? WHERE name = 'wanted' AND value < ?")
        announcedAtText = "UPDATE numbers SET value = \(now) WHERE name = 'announced_at'"
        orderText = "UPDATE numbers SET value = value + 1 WHERE name = 'reloads'"
        announcing = dialect.announcing.map { [StoreStatement("SELECT " + $0)] } ?? []
        sayResigningText = dialect.announcing.map { dialect.marked("SELECT \($0) FROM leadership WHERE holder = ?") }
        isShared = dialect.isShared
    }

    private let isShared: Bool

    // MARK: A beat

    func beat(_ record: InstanceRecord) -> [StoreStatement] {
        let told: [StoreValue] = [
            .text(record.version), .text(record.address), .integer(record.generation), .integer(record.adminKeys),
            .integer(record.reloads), .text(record.include.joined(separator: ",")),
            .text(record.exclude.joined(separator: ",")), .integer(record.runsSchedules ? 1 : 0),
            .integer(Int64(record.connections)), .integer(Int64(record.queued)), .integer(Int64(record.workers)),
            .integer(Int64(record.activeWorkers)),
        ]
        return [
            StoreStatement(registerText, [.text(record.id)] + told + [.integer(0), .integer(0)]),
            StoreStatement(beatText, told + [.text(record.id)]),
            StoreStatement(forgetText, [.integer(ClusterBook.memory.wholeMicroseconds)]),
        ]
    }

    func stand(_ id: String, ttl: Duration, _ candidacy: Candidacy) -> [StoreStatement] {
        let life = StoreValue.integer(ttl.wholeMicroseconds)
        let text: String
        switch candidacy {
        case .none: return resign(id)
        case .vacant: text = takeVacantText
        case .open: text = takeText
        }
        return [
            StoreStatement(renewText, [life, .text(id)]), StoreStatement(text, [.text(id), life, .text(id)]),
            StoreStatement(raiseText, [.text(id)]),
        ]
    }

    private func resign(_ id: String) -> [StoreStatement] {
        let said = sayResigningText.map { [StoreStatement($0, [.text(id)])] } ?? []
        return said + [StoreStatement(resignText, [.text(id)])]
    }

    func depart(_ id: String) -> [StoreStatement] { [StoreStatement(departText, [.text(id)])] + resign(id) }

    // MARK: The view

    static let numbers = StoreStatement("SELECT name, value FROM numbers")

    func look(ttl: Duration) -> [StoreStatement] {
        [
            StoreStatement(leadershipText), Self.numbers,
            StoreStatement(membersText, [.integer(ttl.wholeMicroseconds)]),
        ]
    }

    /// - Parameter tables: the answers to ``look(ttl:)``.
    static func view<Table: StoreTable>(_ tables: ArraySlice<Table>) throws(StorageFailure) -> ClusterView {
        guard tables.count == 3, let row = tables[tables.startIndex].first else {
            throw .broken("The database has lost its row of leadership.")
        }
        let numbers = Self.numbers(tables[tables.startIndex + 1])
        var wanted = ClusterView.Wanted()
        wanted.generation = numbers["wanted"] ?? 0
        wanted.adminKeys = numbers["admin_keys"] ?? 0
        wanted.reloads = numbers["reloads"] ?? 0
        wanted.newest = numbers["generation"] ?? 0
        wanted.announcedAt = Timestamp(microseconds: numbers["announced_at"] ?? 0)
        let leader = row.text(1)
        return ClusterView(
            now: row.time(0), members: tables[tables.startIndex + 2].map(member).sorted { $0.record.id < $1.record.id },
            leader: leader.isEmpty ? nil : leader, epoch: row.integer(2), wanted: wanted)
    }

    static func numbers(_ table: some StoreTable) -> [String: Int64] {
        Dictionary(table.map { ($0.text(0), $0.integer(1)) }, uniquingKeysWith: { first, _ in first })
    }

    private static func member(_ row: some StoreRow) -> ClusterMember {
        var record = InstanceRecord(id: row.text(0), version: row.text(1), address: row.text(2))
        record.generation = row.integer(3)
        record.adminKeys = row.integer(4)
        record.reloads = row.integer(5)
        record.include = row.text(6).split(separator: ",").map(String.init)
        record.exclude = row.text(7).split(separator: ",").map(String.init)
        record.runsSchedules = row.integer(8) != 0
        record.connections = Int(row.integer(9))
        record.queued = Int(row.integer(10))
        record.workers = Int(row.integer(11))
        record.activeWorkers = Int(row.integer(12))
        return ClusterMember(
            record: record, startedAt: row.time(13), lastBeat: row.time(14), isAlive: row.integer(15) != 0)
    }

    // MARK: Announcements

    /// What everybody is to look for is said in the transaction that changes it; alone, there is nobody to tell.
    var announcement: [StoreStatement] { isShared ? [StoreStatement(announcedAtText)] + announcing : [] }

    func announcement(ofGeneration generation: Int64) -> [StoreStatement] {
        guard isShared else { return [] }
        return [StoreStatement(wantText, [.integer(generation), .integer(generation)])] + announcement
    }

    var order: [StoreStatement] { [StoreStatement(orderText), Self.numbers] + announcement }
}
