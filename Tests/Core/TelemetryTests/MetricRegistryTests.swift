import Telemetry
import Testing

@Suite struct MetricRegistryTests {
    private func text(_ registry: MetricRegistry) -> String {
        String(decoding: registry.prometheusText(), as: UTF8.self)
    }

    @Test func `the same name and labels give the same meter`() {
        let registry = MetricRegistry()

        registry.counter(Catalogue.messages, labels: [("channel", "a")]).increment()
        registry.counter(Catalogue.messages, labels: [("channel", "a")]).increment(by: 2)
        registry.counter(Catalogue.messages, labels: [("channel", "b")]).increment()

        #expect(text(registry).contains("weir_messages_total{channel=\"a\"} 3\n"))
        #expect(text(registry).contains("weir_messages_total{channel=\"b\"} 1\n"))
        #expect(text(registry).components(of: "# TYPE weir_messages_total counter\n") == 1)
    }

    @Test func `a label cannot break out of its quotes or its line`() {
        let registry = MetricRegistry()

        registry.counter(Catalogue.errors, labels: [("code", "a\"} 1\r\nfake \\")]).increment()

        #expect(text(registry).contains(#"{code="a\"} 1"# + "\r" + #"\nfake \\"} 1"#))
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `a histogram's buckets only rise and end in its count`(seed: UInt64) {
        var state = seed
        let histogram = Histogram(bounds: [0.001, 0.1, 1])
        var sum = 0.0
        for _ in 0..<200 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let seconds = Double(state >> 40) / Double(1 << 23)
            histogram.observe(seconds: seconds)
            sum += seconds
        }

        let (cumulative, read) = histogram.read()

        #expect(cumulative == cumulative.sorted())
        #expect(cumulative.count == 4)
        #expect(cumulative.last == 200)
        #expect(abs(read - sum) < 1e-5)
    }

    @Test func `a value on a bound counts below it`() {
        let histogram = Histogram(bounds: [1, 2])

        histogram.observe(seconds: 1)

        #expect(histogram.read().cumulative == [1, 1, 1])
    }

    @Test func `counts of many threads add up`() async {
        let counter = Counter()

        await withTaskGroup { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counter.increment() } } }
        }

        #expect(counter.value == 80_000)
    }

    @Test(arguments: Catalogue.all)
    func `every metric is named as Prometheus wants it`(metric: Catalogue.Metric) {
        #expect(metric.name.hasPrefix("weir_"))
        #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
        #expect(metric.help.hasSuffix("."))
    }

    @Test func `no two metrics share a name`() {
        #expect(Set(Catalogue.all.map(\.name)).count == Catalogue.all.count)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
