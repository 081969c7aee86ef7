/// Rows for people: columns as wide as their widest cell.
package struct TextTable {
    private let columns: [String]
    private var rows: [[String]] = []

    package init(_ columns: [String]) { self.columns = columns }

    package mutating func add(_ cells: [String]) { rows.append(cells.map(Self.visible)) }

    package var lines: [String] {
        var widths = columns.map(\.count)
        for row in rows { for (place, cell) in row.enumerated() { widths[place] = max(widths[place], cell.count) } }
        return ([columns] + rows).map { row in
            let padded = row.enumerated().map { place, cell in
                place == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[place] - cell.count)
            }
            return padded.joined(separator: "  ")
        }
    }

    /// Names and messages come from others: nothing in them may drive the terminal.
    package static func visible(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}
