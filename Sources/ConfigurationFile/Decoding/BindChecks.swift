import Reactor

/// Addresses to listen on that exclude each other.
struct BindChecks {
    private let threads: Int
    private var addresses: [SocketAddress: Place] = [:]
    /// The addresses of a port, to compare with one that stands for all.
    private var ports: [UInt16: [SocketAddress]] = [:]
    private var paths: [String: Place] = [:]
    private var names: [String: Place] = [:]

    init(threads: Int) { self.threads = threads }

    mutating func add(_ listener: Value.Named, _ mistakes: inout MistakeList) {
        let path = Path.top.key("listeners").key(listener.name).key("bind")
        for (index, found) in listener.fields.list("bind").enumerated() {
            guard let place = found.origin.place else { continue }
            let path = listener.fields.list("bind").count > 1 ? path.element(index) : path
            switch found.value {
            case .bind(let bind):
                for address in bind.addresses where !add(address, place, path, &mistakes) { break }
            case .fields(let fields):
                if let file = fields.text("unix") {
                    add(socket: file, at: fields.place(of: "unix"), path, &mistakes)
                    if threads > 1 {
                        mistakes.add(
                            place, path,
                            "several threads cannot share a Unix socket: leave out process.threads, or this socket")
                    }
                } else if let name = fields.text("systemd") {
                    if let first = names[name] {
                        mistakes.add(place, path, "the socket '\(name)' is used already, at \(first): use it once")
                    }
                    names[name] = names[name] ?? place
                }
            default: break
            }
        }
    }

    /// Adds the path of a Unix socket.
    mutating func add(
        socket file: String, at place: Place?, _ path: Path, _ mistakes: inout MistakeList
    ) {
        guard let place else { return }
        if let first = paths[file] {
            mistakes.add(place, path, "there is a socket at this path already, at \(first): choose another path")
        } else {
            paths[file] = place
        }
    }

    /// Adds an address at which administration listens.
    mutating func add(
        administration address: SocketAddress, _ place: Place, _ path: Path, _ mistakes: inout MistakeList
    ) {
        _ = add(address, place, path, &mistakes)
    }

    /// False when a mistake was found, so that a range has only one.
    private mutating func add(
        _ address: SocketAddress, _ place: Place, _ path: Path, _ mistakes: inout MistakeList
    ) -> Bool {
        if let first = addresses[address] {
            mistakes.add(place, path, "\(address) is listened on already, at \(first): name each address once")
            return false
        }
        let others = ports[address.port] ?? []
        if let other = others.first(where: { $0.family == address.family && ($0.isWildcard || address.isWildcard) }),
            let first = addresses[other]
        {
            let (all, one) = address.isWildcard ? (address, other) : (other, address)
            mistakes.add(
                place, path,
                "\(all) stands for every address, also \(one) (the other is at \(first)): leave one out, "
                    + "or change its port")
            return false
        }
        addresses[address] = place
        ports[address.port, default: []].append(address)
        return true
    }

    /// The addresses that were added, with the clients that each has: where a port has addresses of IPv4 too, `[::]` has
    /// those of IPv6 alone.
    var own: [OwnAddress] {
        ports.values.flatMap { addresses in
            addresses.map { OwnAddress($0, isIPv6Only: $0.hasCompanion(among: addresses)) }
        }
    }
}
