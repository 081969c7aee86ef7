package import Configuring
import Storage
import StorageSQLite
import Vocabulary

/// `weir doctor`: looks at everything a server needs, and changes nothing of it. A server may run meanwhile.
package enum Diagnosis {
    /// How long SQLite may look for damage.
    private static let integritySeconds = 20

    /// - Parameters:
    ///   - configurationFile: the file the settings came from.
    ///   - connects: also ask what the connectors lead to.
    package static func examine(
        _ settings: Settings, configurationFile: String?, connects: Bool
    ) async -> [Finding] {
        let watch = ClockCheck.Watch()
        var findings = [
            Finding(
                "configuration", .ok,
                configurationFile.map { "The settings are right (\($0), the environment, flags)." }
                    ?? "The settings are right (no file; the environment and flags).")
        ]
        findings.append(serving(settings))
        findings += AccessCheck.files(settings, configurationFile)
        let holder = databasePath(settings).flatMap { SQLiteStore.holder(of: $0) }
        var inspection: SQLiteInspection?
        var isShared = false
        if let storage = await StorageCheck.findings(server: settings) {
            findings += storage
            isShared = true
        } else {
            let (storage, found) = await StorageCheck.findings(
                path: databasePath(settings), holder: holder, seconds: integritySeconds)
            findings += storage
            inspection = found
        }
        findings += AccessCheck.keys(settings, issued: inspection?.adminKeys ?? 0)
        findings += ClockCheck.findings(newest: inspection?.newestRecord, watch)
        findings += LimitCheck.findings(settings)
        findings.append(await PortCheck.finding(settings, isHeld: isShared ? nil : holder != nil))
        if let sharing = await SharingCheck.finding(settings) { findings.append(sharing) }
        if let inspection {
            findings += await ConnectorCheck.findings(settings, inspection.definitions, connects: connects)
        }
        return findings
    }

    /// What can be looked at without settings.
    package static func withoutSettings(_ reason: String) -> [Finding] {
        let advice =
            "Correct it; `weir config print` shows what is in effect. The checks that need settings were left out."
        return [Finding("configuration", .fail, reason, advice)]
            + ClockCheck.findings(newest: nil, ClockCheck.Watch()) + LimitCheck.findings(Settings())
    }

    /// Certificates, proxies, origins: what a start would stop at.
    private static func serving(_ settings: Settings) -> Finding {
        do {
            _ = try ServingPlan(settings)
            return Finding(
                "configuration.serving", .ok,
                settings.tlsEnabled ? "The certificate and its key load." : "Connections are plain.")
        } catch {
            return Finding("configuration.serving", .fail, "\(error)", "Correct it: a server does not start so.")
        }
    }

    private static func databasePath(_ settings: Settings) -> String? {
        Stores.file(of: settings.storageURL)
    }
}
