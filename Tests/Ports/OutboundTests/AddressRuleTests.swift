import Outbound
import Testing

@Suite struct AddressRuleTests {
    @Test(
        arguments: [
            [0, 0, 0, 0], [10, 1, 2, 3], [127, 0, 0, 1], [100, 64, 0, 1], [100, 127, 255, 255], [169, 254, 169, 254],
            [172, 16, 0, 1],
            [172, 31, 255, 255], [192, 168, 0, 1], [192, 0, 2, 1], [198, 18, 0, 1], [203, 0, 113, 9], [224, 0, 0, 1],
            [255, 255, 255, 255],
        ] as [[UInt8]])
    func `what is not for everybody is refused, also inside an IPv6 address`(bytes: [UInt8]) {
        let zeros = [UInt8](repeating: 0, count: 16)

        #expect(!AddressRule.isPublic(bytes))
        #expect(!AddressRule.isPublic(zeros[..<10] + [0xFF, 0xFF] + bytes))
        #expect(!AddressRule.isPublic([0, 0x64, 0xFF, 0x9B] + zeros[..<8] + bytes))
        #expect(!AddressRule.isPublic([0x20, 0x02] + bytes + zeros[..<10]))
    }

    @Test(
        arguments: [
            [1, 1, 1, 1], [8, 8, 8, 8], [100, 63, 0, 1], [100, 128, 0, 1], [172, 15, 0, 1], [172, 32, 0, 1],
            [192, 167, 0, 1],
        ] as [[UInt8]])
    func `what is for everybody is not`(bytes: [UInt8]) { #expect(AddressRule.isPublic(bytes)) }

    @Test func `private IPv6 is refused, public is not`() {
        func six(_ start: [UInt8]) -> [UInt8] { start + [UInt8](repeating: 1, count: 16 - start.count) }
        let loopback = [UInt8](repeating: 0, count: 15) + [1]

        for bytes in [
            loopback, six([0xFE, 0x80]), six([0xFC]), six([0xFD, 0x12]), six([0xFF, 0x02]),
            six([0x20, 0x01, 0x0D, 0xB8]), six([0x20, 0x01, 0, 0]),
        ] {
            #expect(!AddressRule.isPublic(bytes), "\(bytes)")
        }
        #expect(AddressRule.isPublic(six([0x26, 0x06, 0x47, 0x00])) && AddressRule.isPublic(six([0x2A, 0x00])))
        #expect(!AddressRule.isPublic([]) && !AddressRule.isPublic([8, 8, 8]))
    }

    @Test func `link-local addresses are known in every spelling`() {
        let zeros = [UInt8](repeating: 0, count: 16)
        #expect(AddressRule.isLinkLocal([169, 254, 169, 254]) && !AddressRule.isLinkLocal([169, 253, 0, 1]))
        #expect(AddressRule.isLinkLocal(zeros[..<10] + [0xFF, 0xFF, 169, 254, 169, 254]))
        #expect(
            AddressRule.isLinkLocal([0xFE, 0xBF] + zeros[..<14])
                && !AddressRule.isLinkLocal([0xFE, 0xC0] + zeros[..<14]))
        #expect(AddressRule.isLinkLocal([0xFD, 0, 0x0E, 0xC2] + zeros[..<10] + [0x02, 0x54]))
        #expect(!AddressRule.isLinkLocal([127, 0, 0, 1]) && !AddressRule.isLinkLocal([10, 0, 0, 1]))
    }
}
