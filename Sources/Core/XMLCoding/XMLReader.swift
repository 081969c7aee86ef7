import CExpat
package import JSONTree

/// Why a text is not XML that we take, and where.
package struct XMLSyntaxError: Error, Sendable, Equatable {
    package var message: String
}

/// Reads XML as JSON. The outermost element becomes an object: an attribute `a` its member `@a`, a child element `b` its
/// member `b` (an array where there are several), text its member `$text`. All values are strings; white space alone is no
/// text; comments and instructions are passed over.
///
/// There are no document types, and so no entities but the five of XML and numbers: nothing is expanded, nothing is fetched.
package enum XMLReader {
    package static let mostBytes = 16 << 20
    package static let mostDepth = 100

    package static func parse(
        _ text: UnsafeRawBufferPointer, in arena: JSONArena
    ) throws(XMLSyntaxError) -> JSONValue {
        guard text.count <= mostBytes else {
            throw XMLSyntaxError(message: "there are more than \(mostBytes) bytes")
        }
        // The encoding is ours, whatever the text says of it: JSON's strings are UTF-8.
        guard let parser = XML_ParserCreate("UTF-8") else { throw XMLSyntaxError(message: "out of memory") }
        defer { XML_ParserFree(parser) }
        let tree = XMLTree(parser, arena)
        let status = withExtendedLifetime(tree) {
            XML_SetUserData(parser, Unmanaged.passUnretained(tree).toOpaque())
            XML_SetElementHandler(
                parser,
                { data, name, attributes in XMLTree.of(data)?.begin(name, attributes) },
                { data, _ in XMLTree.of(data)?.end() })
            XML_SetCharacterDataHandler(parser) { data, text, count in
                XMLTree.of(data)?.add(UnsafeRawBufferPointer(start: text, count: Int(count)))
            }
            XML_SetStartDoctypeDeclHandler(parser) { data, _, _, _, _ in
                XMLTree.of(data)?.refuse("document types are not allowed")
            }
            return XML_Parse(parser, text.bindMemory(to: CChar.self).baseAddress, Int32(text.count), 1)
        }
        guard status == XML_STATUS_OK, tree.fault == nil, let root = tree.root else {
            let reason =
                tree.fault ?? XML_ErrorString(XML_GetErrorCode(parser)).map { String(cString: $0) } ?? "no element"
            let line = XML_GetCurrentLineNumber(parser)
            let column = XML_GetCurrentColumnNumber(parser) + 1
            throw XMLSyntaxError(message: "\(reason) at line \(line), column \(column)")
        }
        return root
    }
}

/// The elements that are open, while expat reads.
private final class XMLTree {
    private struct Element {
        var name: String
        var members: [(name: String, values: [JSONValue])] = []
        var places: [String: Int] = [:]
        var text: [UInt8] = []

        mutating func add(_ name: String, _ value: JSONValue) {
            if let place = places[name] {
                members[place].values.append(value)
            } else {
                places[name] = members.count
                members.append((name, [value]))
            }
        }
    }

    private let parser: XML_Parser
    private let arena: JSONArena
    private var open: [Element] = []
    private(set) var root: JSONValue?
    private(set) var fault: String?

    init(_ parser: XML_Parser, _ arena: JSONArena) {
        self.parser = parser
        self.arena = arena
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> XMLTree? {
        data.map { Unmanaged<XMLTree>.fromOpaque($0).takeUnretainedValue() }
    }

    func refuse(_ reason: String) {
        fault = fault ?? reason
        XML_StopParser(parser, 0)
    }

    func begin(_ name: UnsafePointer<CChar>?, _ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?) {
        guard fault == nil, let name else { return }
        guard open.count < XMLReader.mostDepth else { return refuse("nested too deeply") }
        var element = Element(name: String(cString: name))
        var place = 0
        while let key = attributes?[place], let value = attributes?[place + 1] {
            element.add("@" + String(cString: key), .string(String(cString: value), in: arena))
            place += 2
        }
        open.append(element)
    }

    func add(_ text: UnsafeRawBufferPointer) {
        guard !open.isEmpty else { return }
        open[open.count - 1].text += text
    }

    func end() {
        guard fault == nil, let element = open.popLast() else { return }
        let value = value(of: element)
        if open.isEmpty { root = value } else { open[open.count - 1].add(element.name, value) }
    }

    private func value(of element: Element) -> JSONValue {
        var object = JSONObjectBuilder(capacity: element.members.count + 1, in: arena)
        for (name, values) in element.members {
            guard values.count > 1 else {
                object.append(key: name, values[0])
                continue
            }
            var array = JSONArrayBuilder(capacity: values.count, in: arena)
            for value in values { array.append(value) }
            object.append(key: name, array.finish())
        }
        let isSpace = element.text.allSatisfy { $0 == 32 || (9...13).contains($0) }
        if !isSpace {
            element.text.withUnsafeBytes { object.append(key: "$text", .string(copying: $0, in: arena)) }
        }
        return object.finish()
    }
}
