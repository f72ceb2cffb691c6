import Balancer
import Wording

/// What is wrong between the keys of a `check` that are right by themselves.
enum ProbeChecks {
    static func run(_ check: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        intervals(check, path, &mistakes)
        guard case .word("exchange")? = check["kind"]?.value else { return }
        exchange(check, path, &mistakes)
    }

    static func intervals(_ check: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        guard let interval = check.duration("interval") else { return }
        if let fast = check.duration("fast_interval"), fast > interval, let place = check.place(of: "fast_interval") {
            mistakes.add(
                place, path.key("fast_interval"),
                "\(DurationRange.text(fast)) is longer than the interval of \(DurationRange.text(interval)): a probe is to come "
                    + "sooner while the state may change; leave it out, or shorten it")
            return
        }
        guard let timeout = check.duration("timeout"), let shortest = check.shortestInterval,
            timeout > shortest.duration, let place = check.place(of: "timeout")
        else { return }
        let name = shortest.key == "interval" ? "interval" : "\(shortest.key)"
        mistakes.add(
            place, path.key("timeout"),
            "\(DurationRange.text(timeout)) is longer than the \(name) of \(DurationRange.text(shortest.duration)): "
                + "a probe must end before the next one starts")
    }

    private static func exchange(_ check: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        guard let place = check.place(of: "kind") else { return }
        let alone = ["send", "expect"].filter(check.written.contains)
        let hasSteps = check.written.contains("steps")
        if hasSteps, !alone.isEmpty {
            let names = alone.map { "'\($0)'" }.joined(separator: " and ")
            mistakes.add(
                check.place(of: "steps") ?? place, path.key("steps"),
                "it stands instead of \(names): make steps of them, or leave 'steps' out")
        } else if !hasSteps, !alone.contains("expect") {
            mistakes.add(
                place, path.key("kind"),
                "an exchange expects something: add 'expect', or 'steps' with several; 'kind: tcp' expects nothing")
        } else if hasSteps, case .list(let steps)? = check["steps"]?.value {
            let says = steps.allSatisfy { step in
                if case .fields(let fields) = step.value { fields.written == ["send"] } else { false }
            }
            guard says else { return }
            mistakes.add(
                check.place(of: "steps") ?? place, path.key("steps"),
                "an exchange expects something: add a step with 'expect' or 'find'; 'kind: tcp' expects nothing")
        }
    }
}
