import Glibc
import Vocabulary

/// The machine's clock: names of traces, retention, signatures and schedules go by it.
enum ClockCheck {
    /// When this was written; no clock that is right shows less. 2026-01-01T00:00:00Z.
    private static let earliest = Timestamp(microseconds: 1_767_225_600_000_000)
    /// Clocks of one machine differ by less.
    private static let tolerance: Duration = .seconds(5)
    /// How far the two clocks may part while we look.
    private static let step: Duration = .milliseconds(100)

    /// Both clocks when the checks began.
    struct Watch {
        var wall = Timestamp.now()
        var monotonic = Stopwatch.nanoseconds()
    }

    static func findings(newest: Timestamp?, _ watch: Watch) -> [Finding] {
        let now = Timestamp.now()
        var findings = [sane(now, newest)]
        let passed = Duration.nanoseconds(Int64(Stopwatch.nanoseconds() - watch.monotonic))
        let drift = (now - watch.wall) - passed
        if drift > step || drift < .zero - step {
            findings.append(
                Finding(
                    "clock.steady", .warn, "The clock was set by \(drift.wholeMilliseconds) ms while it was looked at.",
                    "Let it be slewed, not stepped."))
        } else {
            findings.append(Finding("clock.steady", .ok, "The clock runs as the monotonic one does."))
        }
        return findings
    }

    static func sane(_ now: Timestamp, _ newest: Timestamp?) -> Finding {
        if now < earliest {
            return Finding(
                "clock.time", .fail, "The clock shows \(now.rfc3339), before this program was written.",
                "Set it, and keep it set with NTP.")
        }
        if let newest, newest - now > tolerance {
            return Finding(
                "clock.time", .fail,
                "The clock shows \(now.rfc3339), and the newest record in the database is of \(newest.rfc3339).",
                "The clock went back, or was wrong when that was written. Set it, and keep it set with NTP.")
        }
        return Finding("clock.time", .ok, "The clock shows \(now.rfc3339), after every record there is.")
    }
}
