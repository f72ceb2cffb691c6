import AdministrationAPI

extension TopModel {
    /// Takes a key; returns what is to be done.
    public mutating func press(_ key: Key) -> [TopAction] {
        switch key {
        case .control("c"): return [.quit]
        case .control("z"): return [.suspend]
        case .control("l"): return [.redraw]
        default: break
        }
        if isTypingFilter {
            type(key)
            return []
        }
        if case .confirming(let change, _) = question { return confirm(change, key) }
        message = nil
        if key == .character("q") { return [.quit] }
        if let actions = pressAnywhere(key) { return actions }
        switch view {
        case .backends: return pressAtBackends(key)
        case .sessions(let reference): return pressAtSessions(key, of: reference)
        case .backend, .story, .help: return pressAtText(key)
        }
    }

    // MARK: the filter

    private mutating func type(_ key: Key) {
        switch key {
        case .character(let character):
            if filter.count < Self.filterMax { filter.append(character) }
        case .backspace: _ = filter.popLast()
        case .control("u"): filter = ""
        case .enter: isTypingFilter = false
        case .escape:
            filter = ""
            isTypingFilter = false
        default: break
        }
    }

    /// The longest filter, in characters.
    private static let filterMax = 100

    // MARK: changes

    private mutating func confirm(_ change: TopChange, _ key: Key) -> [TopAction] {
        switch key {
        case .character("y"), .character("Y"):
            question = .carrying(change)
            return [.ask(.change(change, isDryRun: false))]
        case .character("q"): return [.quit]
        case .character, .escape, .enter:
            question = nil
            message = Message(text: "nothing was changed", isFault: false)
        default: break
        }
        return []
    }

    private mutating func wish(_ state: String) -> [TopAction] {
        guard let reference = chosenBackend else {
            message = Message(text: "no backend is chosen", isFault: true)
            return []
        }
        guard connection == .live, let status else {
            message = Message(text: "the balancer does not answer: nothing can be changed", isFault: true)
            return []
        }
        guard status.mayChange else {
            message = Message(
                text: "this connection may only read: use the balancer's socket, or give --token-file", isFault: true)
            return []
        }
        // The answer to the one before decides it; a second wish at the same time would be confirmed by mistake.
        guard question == nil else { return [] }
        let change = TopChange(backend: reference, state: state)
        question = .asking(change)
        return [.ask(.change(change, isDryRun: true))]
    }

    // MARK: keys of every view

    /// Nil for keys that mean something else in each view.
    private mutating func pressAnywhere(_ key: Key) -> [TopAction]? {
        switch key {
        case .character("p"):
            isPaused.toggle()
            return []
        case .character("?"), .character("h"):
            show(view == .help ? .backends : .help)
            return []
        case .character("d"): return view == .help ? [] : wish("drain")
        case .character("m"): return view == .help ? [] : wish("maintain")
        case .character("r"): return view == .help ? [] : wish("ready")
        case .character("s"):
            guard view != .help, let reference = chosenBackend else { return [] }
            return showSessions(of: reference)
        default: return nil
        }
    }

    private mutating func showSessions(of reference: BackendReference) -> [TopAction] {
        show(.sessions(reference))
        isAskingSessions = true
        return [.ask(.sessions(reference))]
    }

    // MARK: keys of one view

    private mutating func pressAtBackends(_ key: Key) -> [TopAction] {
        switch key {
        case .enter, .right:
            if let reference = chosenBackend { show(.backend(reference)) }
        case .escape: filter = ""
        case .character("/"): isTypingFilter = true
        case .character("<"): sort(by: BackendSort(rawValue: sort.rawValue - 1))
        case .character(">"): sort(by: BackendSort(rawValue: sort.rawValue + 1))
        case .character(let character) where BackendSort(key: character) != nil:
            let new = BackendSort(key: character)
            if new == sort { isReversed.toggle() } else { sort(by: new) }
        default:
            let rows = backendRows
            guard let index = moved(by: key, from: chosenIndex, of: rows.count) else { return [] }
            chosen = rows[index].reference
        }
        return []
    }

    private mutating func sort(by new: BackendSort?) {
        guard let new else { return }
        // The chosen backend stays chosen where the order changes.
        chosen = chosenBackend
        sort = new
        isReversed = false
    }

    private mutating func pressAtSessions(_ key: Key, of reference: BackendReference) -> [TopAction] {
        switch key {
        case .escape, .left, .backspace:
            show(.backends)
            return []
        case .enter, .right:
            guard let index = chosenSessionIndex, let id = sessionList?.sessions[index].id else { return [] }
            show(.story(id, of: reference))
            return [.ask(.story(id))]
        default:
            let sessions = sessionList?.sessions ?? []
            if let index = moved(by: key, from: chosenSessionIndex, of: sessions.count) {
                chosenSession = sessions[index].id
            }
            return []
        }
    }

    private mutating func pressAtText(_ key: Key) -> [TopAction] {
        switch key {
        case .escape, .left, .backspace, .enter:
            if case .story(_, let reference) = view { return showSessions(of: reference) }
            show(.backends)
        default:
            let last = scrolledMax
            scrolled = moved(by: key, from: min(scrolled, last), of: last + 1) ?? scrolled
        }
        return []
    }

    /// Where a key leads in a list; nil for other keys, and in an empty list.
    private func moved(by key: Key, from index: Int?, of count: Int) -> Int? {
        guard let index, count > 0 else { return nil }
        let page = max(rows / 2, 1)
        let target: Int
        switch key {
        case .down, .character("j"): target = index + 1
        case .up, .character("k"): target = index - 1
        case .pageDown, .control("d"), .character(" "): target = index + page
        case .pageUp, .control("u"): target = index - page
        case .home, .character("g"): target = 0
        case .end, .character("G"): target = count - 1
        default: return nil
        }
        return min(max(target, 0), count - 1)
    }
}
