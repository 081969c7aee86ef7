/// The methods Weir knows by number; others keep their name only.
package enum HTTPMethod: UInt8, Sendable {
    case get, head, post, put, patch, delete, options, other

    init(_ name: UnsafeRawBufferPointer) {
        self =
            switch name.count {
            case 3: name.elementsEqual("GET".utf8) ? .get : name.elementsEqual("PUT".utf8) ? .put : .other
            case 4: name.elementsEqual("POST".utf8) ? .post : name.elementsEqual("HEAD".utf8) ? .head : .other
            case 5: name.elementsEqual("PATCH".utf8) ? .patch : .other
            case 6: name.elementsEqual("DELETE".utf8) ? .delete : .other
            case 7: name.elementsEqual("OPTIONS".utf8) ? .options : .other
            default: .other
            }
    }

    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other: "OTHER"
        }
    }
}
