import Cluster
import JSONTree
import Storage
import Vocabulary

/// The instances on this database, and waiting for all of them.
enum ClusterHandlers {
    static let routes: [AdminRoute] = [
        .init(
            "GET", "/api/v1/admin/cluster", tag: "cluster", "The instances, what they serve and who leads",
            answer: .one("Cluster")
        ) { api, _ in
            let (view, age) = try await api.membership.lookBack()
            return .data {
                ClusterDocument.write(
                    view, age: age, ttl: api.membership.settings.ttl, this: api.membership.id, into: &$0)
            }
        }
    ]

    static let schemas = #"""
        "Cluster":{"type":"object","required":["this_instance","as_of","is_current","leader","epoch","generation","instances"],\#
        "properties":{"this_instance":{"type":"string"},"as_of":{"type":"string","format":"date-time",\#
        "description":"By the database's clock, like all times here."},\#
        "is_current":{"type":"boolean","description":"False while the database does not answer: what was known last, \#
        with ages as of now."},"leader":{"type":["string","null"]},\#
        "epoch":{"type":"integer","description":"Grows by one with each new leader."},\#
        "generation":{"type":"integer","description":"What every instance is to serve at least."},\#
        "instances":{"type":"array","items":{"$ref":"#/components/schemas/Instance"}}}},
        "Instance":{"type":"object","required":["id","state","version","started_at","last_heartbeat_at",\#
        "heartbeat_age_ms","generation","is_leader","load","serves"],"properties":{"id":{"type":"string"},\#
        "state":{"type":"string","enum":["live","lost","unknown"]},"version":{"type":"string"},"address":{"type":"string"},\#
        "started_at":{"type":"string","format":"date-time"},"last_heartbeat_at":{"type":"string",\#
        "format":"date-time"},"heartbeat_age_ms":{"type":"integer"},"generation":{"type":"integer"},\#
        "is_leader":{"type":"boolean"},"runs_schedules":{"type":"boolean"},"load":{"type":"object",\#
        "properties":{"connections":{"type":"integer"},"queued":{"type":"integer"},"workers":{"type":"integer"},\#
        "workers_active":{"type":"integer"}}},"serves":{"type":"object","properties":{"include":{"type":"array",\#
        "items":{"type":"string"}},"exclude":{"type":"array","items":{"type":"string"}}}}}},
        """#

    /// How long a caller waits for all instances.
    private static let patience: Duration = .seconds(10)

    /// With `wait=all`, the same answer when every live instance has what was announced by now; 202 where one has not in
    /// time. The change is committed either way.
    static func awaitAll(
        _ api: AdminAPI, _ call: AdminCall, _ response: AdminResponse
    ) async throws -> AdminResponse {
        guard let wait = call.query["wait"] else { return response }
        guard wait == "all", (200..<300).contains(response.status), !call.flag("dry_run") else { return response }
        var response = response
        do throws(StorageFailure) {
            let outcome = try await api.membership.waitForAll(atMost: patience)
            response.headers.append(
                ("weir-instances", "\(outcome.live - outcome.behind.count)/\(outcome.live)"))
            guard !outcome.behind.isEmpty else { return response }
            response.headers.append(("weir-instances-behind", outcome.behind.joined(separator: ",")))
        } catch {
            response.headers.append(("weir-instances-behind", "unknown"))
        }
        response.status = 202
        return response
    }

    /// Said before anything is changed.
    static func checkWait(_ call: AdminCall) throws(Problem) {
        guard let wait = call.query["wait"], wait != "all" else { return }
        throw Problem(
            .validation, "`wait` can be `all`.",
            details: [
                .init("wait", .invalid, "Leave it out, or wait for all.", expected: "all", got: String(wait.prefix(64)))
            ])
    }
}

/// How the cluster is shown.
enum ClusterDocument {
    /// - Parameter age: how long ago the view was brought; nothing where it is current.
    static func write(
        _ view: ClusterView, age: Duration, ttl: Duration, this: String, into buffer: inout JSONByteBuffer
    ) {
        buffer.append("{\"this_instance\":")
        JSONWriter.write(this, into: &buffer)
        buffer.append(",\"as_of\":")
        JSONWriter.write(view.now.rfc3339, into: &buffer)
        buffer.append(age > .zero ? ",\"is_current\":false" : ",\"is_current\":true")
        buffer.append(",\"leader\":")
        if let leader = view.leader { JSONWriter.write(leader, into: &buffer) } else { buffer.append("null") }
        buffer.append(",\"epoch\":")
        buffer.append(integer: view.epoch)
        buffer.append(",\"generation\":")
        buffer.append(integer: view.wanted.generation)
        buffer.append(",\"instances\":[")
        for (place, member) in view.members.enumerated() {
            if place > 0 { buffer.append(",") }
            write(member, view, age, isStale: age > ttl, into: &buffer)
        }
        buffer.append("]}")
    }

    private static func write(
        _ member: ClusterMember, _ view: ClusterView, _ age: Duration, isStale: Bool, into buffer: inout JSONByteBuffer
    ) {
        let record = member.record
        buffer.append("{\"id\":")
        JSONWriter.write(record.id, into: &buffer)
        for (name, value) in [
            ("state", !member.isAlive ? "lost" : isStale ? "unknown" : "live"), ("version", record.version),
            ("address", record.address),
            ("started_at", member.startedAt.rfc3339), ("last_heartbeat_at", member.lastBeat.rfc3339),
        ] {
            buffer.append(",")
            JSONWriter.write(name, into: &buffer)
            buffer.append(":")
            JSONWriter.write(value, into: &buffer)
        }
        buffer.append(",\"heartbeat_age_ms\":")
        buffer.append(integer: max(0, (view.now - member.lastBeat + age).wholeMilliseconds))
        buffer.append(",\"generation\":")
        buffer.append(integer: record.generation)
        buffer.append(view.leader == record.id ? ",\"is_leader\":true" : ",\"is_leader\":false")
        buffer.append(record.runsSchedules ? ",\"runs_schedules\":true" : ",\"runs_schedules\":false")
        buffer.append(",\"load\":{\"connections\":")
        buffer.append(integer: Int64(record.connections))
        buffer.append(",\"queued\":")
        buffer.append(integer: Int64(record.queued))
        buffer.append(",\"workers\":")
        buffer.append(integer: Int64(record.workers))
        buffer.append(",\"workers_active\":")
        buffer.append(integer: Int64(record.activeWorkers))
        buffer.append("},\"serves\":{\"include\":")
        write(record.include, into: &buffer)
        buffer.append(",\"exclude\":")
        write(record.exclude, into: &buffer)
        buffer.append("}}")
    }

    private static func write(_ texts: [String], into buffer: inout JSONByteBuffer) {
        buffer.append("[")
        for (place, text) in texts.enumerated() {
            if place > 0 { buffer.append(",") }
            JSONWriter.write(text, into: &buffer)
        }
        buffer.append("]")
    }
}
