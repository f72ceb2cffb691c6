import Testing

@testable import Balancer

@Suite struct SessionTests {
    /// What an idle session costs in user space: its place in the slab and its timer; it owns no buffer.
    @Test func aSessionIsSmall() {
        #expect(MemoryLayout<Session>.stride <= 160)
    }
}
