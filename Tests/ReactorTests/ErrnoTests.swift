import Glibc
import Reactor
import Testing

@Suite struct ErrnoTests {
    @Test func describedAsStrerrorDoes() {
        #expect(Errno(rawValue: ECONNREFUSED).description == "Connection refused")
        #expect(Errno(rawValue: EMFILE).description == "Too many open files")
        #expect(Errno(rawValue: 99_999).description == "error 99999")
    }

    @Test func aFailedCallNamesItselfAndItsSubject() {
        let errno = Errno(rawValue: EADDRINUSE)
        #expect(
            SystemCallError(call: "bind", subject: "127.0.0.1:20000", errno: errno).description
                == "bind 127.0.0.1:20000: Address already in use")
        #expect(SystemCallError(call: "signalfd", errno: errno).description == "signalfd: Address already in use")
    }

    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL])
    func aShortageHereSaysNothingOfThePeer(number: CInt) {
        #expect(Errno(rawValue: number).isLocalShortage)
    }

    @Test(arguments: [ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EPIPE, EINTR, EAGAIN])
    func otherErrorsAreNoShortage(number: CInt) {
        #expect(!Errno(rawValue: number).isLocalShortage)
    }

    @Test func onlyTwoErrorsAreAboutDescriptors() {
        let found = (1...133).filter { Errno(rawValue: $0).isOutOfDescriptors }
        #expect(Set(found) == [EMFILE, ENFILE])
    }

    @Test func numbersMatchInASwitch() {
        func name(_ errno: Errno) -> String {
            switch errno {
            case EPIPE: "pipe"
            case ECONNRESET: "reset"
            default: "other"
            }
        }
        #expect(name(Errno(rawValue: ECONNRESET)) == "reset")
        #expect(name(Errno(rawValue: EPIPE)) == "pipe")
        #expect(name(Errno(rawValue: EINTR)) == "other")
    }
}
