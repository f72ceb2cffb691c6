import AdministrationAPI
import Testing
import Top

@Suite("Many backends") struct ManyTests {
    @Test("a thousand backends are shown, sorted and filtered")
    func thousand() {
        var model = TopModel(place: "")
        for second in 1...2 {
            var status = Sample.status(at: Double(second))
            status.pools = [
                Sample.pool(
                    "many",
                    (0..<1000).map { Sample.backend("n\($0)", sessions: $0, rate: Double($0), at: Double(second)) })
            ]
            _ = model.take(status, at: Double(second))
        }
        model.type("4")
        #expect(model.backendRows.first?.reference.backend == "n999")
        #expect(model.text.contains("of 1000"))
        model.type("/n77")
        #expect(model.backendRows.count == 11)
    }
}
