import Glibc
import NIOSSL

/// Where a certificate and its key are, and how to make a server's context of them.
package struct TLSFiles: Sendable {
    package var certificates: String
    package var key: String
    /// Refuses TLS 1.2 too.
    package var needsTLS13: Bool
    package var speaksHTTP2: Bool

    package init(certificates: String, key: String, needsTLS13: Bool, speaksHTTP2: Bool) {
        self.certificates = certificates
        self.key = key
        self.needsTLS13 = needsTLS13
        self.speaksHTTP2 = speaksHTTP2
    }

    /// What tells that a file was changed or replaced; links are followed.
    struct Stamp: Equatable, Sendable {
        var parts: [Int] = []
    }

    var stamp: Stamp {
        var stamp = Stamp()
        for path in [certificates, key] {
            var status = stat()
            guard fstatat(AT_FDCWD, path, &status, 0) == 0 else {
                stamp.parts.append(-1)
                continue
            }
            stamp.parts += [
                Int(status.st_dev), Int(bitPattern: UInt(status.st_ino)), status.st_size, status.st_mtim.tv_sec,
                status.st_mtim.tv_nsec,
            ]
        }
        return stamp
    }

    struct Loaded: Sendable {
        var context: NIOSSLContext
        /// Seconds since 1970 at which the server's own certificate ends.
        var expiry: Int
    }

    func load() throws(TLSFault) -> Loaded {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(certificates) } catch {
            throw TLSFault("server.tls.cert_path `\(certificates)` cannot be read as certificates in PEM.")
        }
        guard let first = chain.first else {
            throw TLSFault("server.tls.cert_path `\(certificates)` holds no certificate.")
        }
        let secret: NIOSSLPrivateKey
        do { secret = try NIOSSLPrivateKey(file: key, format: .pem) } catch {
            throw TLSFault("server.tls.key_path `\(key)` cannot be read as a private key in PEM without a password.")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret))
        configuration.minimumTLSVersion = needsTLS13 ? .tlsv13 : .tlsv12
        configuration.applicationProtocols = speaksHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        do {
            return Loaded(context: try NIOSSLContext(configuration: configuration), expiry: Int(first.notValidAfter))
        } catch {
            throw TLSFault("The key in `\(key)` is not the key of the certificate in `\(certificates)`.")
        }
    }
}

/// Why a certificate and key cannot be used, in a sentence for people.
package struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
