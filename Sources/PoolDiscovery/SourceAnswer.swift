import Balancer
import Reactor

/// What a source of backends has said.
enum SourceAnswer: Hashable, Sendable {
    /// These backends. The remarks are lines for the operator, such as what was left out; the time to live is how long
    /// the answer is to be believed, where its source tells that.
    case backends([Configuration.Backend], remarks: [String] = [], timeToLive: Duration? = nil)
    /// The same as the last time: a file that has not been touched.
    case unchanged
    /// The file is being written, so what it says now may be half of it.
    case unsettled
    /// There is nothing to use, for this reason.
    case failed(Failure)
}

/// Why there is no answer.
struct Failure: Hashable, Sendable {
    /// Failures of one kind follow each other without a word.
    enum Kind: Hashable, Sendable {
        /// No name server has answered, or what it said was no answer.
        case unanswered
        /// A name server says that there is nothing.
        case nothing
        /// There are fewer backends than the lower bound.
        case few
        /// A file cannot be read, or has mistakes: these.
        case file(String)
    }

    let kind: Kind
    /// One line for the operator.
    let reason: String
}
