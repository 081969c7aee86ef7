import CJSON
import JSONTree

/// Loops over plain numbers, the commonest of all, without a step per operator (`CJSON/loops.c`).
///
/// A shortcut gives up (`nil`) at the first value that is no plain number; the general way then starts from the
/// beginning. That is safe because evaluating has no effects.
extension LogicEvaluator {
    /// The elements that pass, or nil where the test is not one over plain numbers.
    func quickFilter(_ source: JSONValue, _ body: UnsafeMutablePointer<LogicNode>) -> JSONValue? {
        guard var test = Self.numberTest(body) else { return nil }
        return JSONArrayBuilder.gather(atMost: source.count, in: arena) { room in
            Int(weir_json_filter(source.raw, &test, room))
        }
    }

    /// A sum or product of numbers, of what a filter lets pass or of all; nil where it is anything else.
    func quickReduce(_ node: UnsafeMutablePointer<LogicNode>) -> JSONValue? {
        let body = child(node, 1)
        guard case .accumulation(let pathIsFirst) = body.pointee.shape, case .operation(let name) = body.pointee.code,
            node.pointee.count == 3, case .literal = child(node, 2).pointee.code
        else { return nil }
        let path = child(body, pathIsFirst ? 0 : 1)
        guard let segments = path.pointee.segments, path.pointee.count <= 2 else { return nil }
        var total = child(node, 2).pointee.value.raw
        guard Int(total.tag) == WEIR_JSON_INT || Int(total.tag) == WEIR_JSON_DOUBLE else { return nil }
        var list = child(node, 0)
        var test: weir_json_test?
        if case .operation(.filter) = list.pointee.code, !list.pointee.spreads {
            test = Self.numberTest(child(list, 1))
            guard test != nil else { return nil }
            list = child(list, 0)
        }
        guard case .variable = list.pointee.code, let source = variable(list), source.isArray else { return nil }
        // The first segment is `current`, the element itself.
        let part = path.pointee.count == 2 ? Self.part(segments[1]) : weir_json_part()
        let isDone =
            if var test {
                weir_json_gather(source.raw, &test, part, name == .times, &total)
            } else {
                weir_json_gather(source.raw, nil, part, name == .times, &total)
            }
        return isDone ? JSONValue(raw: total) : nil
    }

    private static func part(_ segment: LogicSegment) -> weir_json_part {
        let name = segment.name.raw
        return weir_json_part(name: UnsafePointer(bitPattern: UInt(name.bits)), length: name.count)
    }

    private static func numberTest(_ node: UnsafeMutablePointer<LogicNode>) -> weir_json_test? {
        guard case .pathAgainstNumber = node.pointee.shape, case .operation(let name) = node.pointee.code,
            let children = node.pointee.children, let segments = children[0].segments, children[0].count == 1
        else { return nil }
        let comparison =
            switch name {
            case .less: WEIR_JSON_LESS
            case .lessOrEqual: WEIR_JSON_LESS_OR_EQUAL
            case .greater: WEIR_JSON_GREATER
            case .greaterOrEqual: WEIR_JSON_GREATER_OR_EQUAL
            case .equals, .strictEquals: WEIR_JSON_SAME
            default: WEIR_JSON_OTHER
            }
        return weir_json_test(
            part: part(segments[0]), literal: children[1].value.raw, comparison: Int32(comparison))
    }
}
