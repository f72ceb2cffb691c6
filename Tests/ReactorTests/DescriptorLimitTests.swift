import CEpoll
import Glibc
import Reactor
import Testing

@Suite struct DescriptorLimitTests {
    /// In a process of its own: the limit is everybody's.
    @Test func theSoftLimitIsRaisedToTheHardOne() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            guard unsafe cepoll_descriptor_limit(&limit) == 0 else { exit(1) }
            var low = rlimit(rlim_cur: limit.rlim_max - 1, rlim_max: limit.rlim_max)
            guard unsafe cepoll_set_descriptor_limit(&low) == 0 else { exit(2) }
            guard DescriptorLimit.raise() == Int(clamping: limit.rlim_max) else { exit(3) }
            var now = rlimit()
            guard unsafe cepoll_descriptor_limit(&now) == 0, now.rlim_cur == limit.rlim_max else { exit(4) }
            // A second time there is nothing to do.
            guard DescriptorLimit.raise() == Int(clamping: limit.rlim_max) else { exit(5) }
        }
    }
}
