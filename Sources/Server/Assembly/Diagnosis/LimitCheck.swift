import Configuring
import Foundation
import Glibc
import Vocabulary

/// What the system lets the process have: open files, memory, processors.
enum LimitCheck {
    /// Files besides connections: the database, its log, event loops, connections outwards.
    private static let ownFiles = 256
    /// Less than this serves nobody.
    private static let leastFiles = 512
    private static let leastMemory = 128 << 20

    static func findings(_ settings: Settings) -> [Finding] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return [
            files(
                soft: Int(clamping: limit.rlim_cur), hard: Int(clamping: limit.rlim_max),
                connections: settings.maxConnections),
            memory(available: availableMemory, queue: settings.maxQueueMemoryBytes),
            processors(ServerParts.processors, quota: processorQuota, threads: settings.serverThreads),
        ]
    }

    static func files(soft: Int, hard: Int, connections: Int) -> Finding {
        let wanted = connections + ownFiles
        let found = "The process may open \(soft) files; \(wanted) are enough for every connection it takes."
        guard soft < wanted else { return Finding("limits.files", .ok, found) }
        return Finding(
            "limits.files", soft < leastFiles ? .fail : .warn, found,
            hard >= wanted
                ? "Run `ulimit -n \(wanted)` before, or set LimitNOFILE=\(wanted) in the unit."
                : "Raise the hard limit of \(hard) too (LimitNOFILE, or limits.conf).")
    }

    static func memory(available: Int?, queue: Int) -> Finding {
        guard let available else {
            return Finding("limits.memory", .ok, "The system does not say how much memory is free.")
        }
        let found = "\(available >> 20) MiB of memory are free for the process."
        if available < leastMemory {
            return Finding("limits.memory", .fail, found, "Give it at least \(leastMemory >> 20) MiB.")
        }
        guard queue > available / 2 else { return Finding("limits.memory", .ok, found) }
        return Finding(
            "limits.memory", .warn, found,
            "queue.max_queue_memory_bytes lets \(queue >> 20) MiB of inputs wait: lower it to less than half.")
    }

    static func processors(_ count: Int, quota: Double?, threads: Int) -> Finding {
        let loops = threads > 0 ? threads : count
        let shown = quota.map { ", and \(($0 * 100).rounded() / 100) of their time" } ?? ""
        let found = "The process may use \(count) processors\(shown); it starts \(loops) event loops."
        let usable = min(Double(count), quota ?? .infinity)
        guard Double(loops) > usable.rounded(.up) else { return Finding("limits.processors", .ok, found) }
        return Finding(
            "limits.processors", .warn, found,
            "Set server.threads to \(Int(max(1, usable.rounded(.up)))): more only wait for each other.")
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// The smaller of what the machine has and what the control group leaves (cgroups(7), version 2, then 1).
    private static var availableMemory: Int? {
        let lines = (text("/proc/meminfo") ?? "").split(separator: "\n")
        let machine = lines.first { $0.hasPrefix("MemAvailable:") }.flatMap { line in
            line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
        let groups = [
            ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        ]
        let group = groups.lazy.compactMap { limit, used -> Int? in
            guard let limit = text(limit).flatMap({ Int($0) }) else { return nil }
            return max(0, limit - (text(used).flatMap { Int($0) } ?? 0))
        }.first
        return [machine, group].compactMap { $0 }.min()
    }

    /// Processors' worth of time: `cpu.max` has microseconds a period, or `max`.
    private static var processorQuota: Double? {
        let numbers = (text("/sys/fs/cgroup/cpu.max") ?? "").split(separator: " ").compactMap { Double($0) }
        return numbers.count == 2 && numbers[1] > 0 ? numbers[0] / numbers[1] : nil
    }
}
