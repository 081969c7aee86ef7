import Cluster
import Testing

@Suite struct AlarmTests {
    @Test func `a ring before the sleep ends it at once, and only one`() async {
        let alarm = Alarm()
        alarm.ring()
        alarm.ring()

        #expect(await alarm.wait(atMost: .seconds(60)))
        #expect(await !alarm.wait(atMost: .milliseconds(1)))
    }

    @Test func `a ring wakes the sleeper, whenever it comes`() async {
        let alarm = Alarm()
        for _ in 0..<500 {
            async let rang = alarm.wait(atMost: .seconds(60))
            alarm.ring()
            #expect(await rang)
        }
    }

    @Test func `one that is cancelled sleeps no longer`() async {
        let alarm = Alarm()
        for _ in 0..<200 {
            let sleeper = Task { await alarm.wait(atMost: .seconds(60)) }
            sleeper.cancel()
            #expect(await !sleeper.value)
        }
    }
}
