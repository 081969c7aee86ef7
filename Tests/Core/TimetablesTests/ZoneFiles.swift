import Foundation
import Testing
import Timetables

/// The rules of a zone from the system's database.
func zoneRules(_ name: String) throws -> ZoneRules {
    let folder = ProcessInfo.processInfo.environment["TZDIR"] ?? "/usr/share/zoneinfo"
    let data = try #require(FileManager.default.contents(atPath: "\(folder)/\(name)"), "is tzdata installed?")
    return try ZoneRules(name: name, tzif: Array(data))
}

/// Zones whose clocks change in every way there is: north and south, by half an hour, at midnight, twice a year for
/// Ramadan, with a winter time that is the exception, and never.
let zoneNames = [
    "Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Chatham",
    "America/Sao_Paulo", "Europe/Dublin", "Africa/Casablanca", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia",
]
