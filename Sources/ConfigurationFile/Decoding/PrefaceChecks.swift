import Balancer
import Wording

/// What is wrong between the keys of a listener that say what happens before the first byte of a session.
enum PrefaceChecks {
    static func run(_ listener: Value.Named, _ mistakes: inout MistakeList) {
        let fields = listener.fields
        let path = Path.top.key("listeners").key(listener.name)
        if fields.written.contains("server_name"), fields.written.contains("pool"), let place = fields.place(of: "pool")
        {
            let remedy = fields.text("pool").map { "write 'otherwise: \($0)' in it" } ?? "leave it out"
            mistakes.add(place, path.key("pool"), "server_name says which pool; \(remedy)")
        }
        networks(fields, path, &mistakes)
        if let names = fields.fields("server_name") { routes(names, path.key("server_name"), &mistakes) }
    }

    /// A network may come or may not; what files have is not compared, since others make them.
    private static func networks(_ fields: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        var places: [Network: (key: String, place: Place)] = [:]
        for key in NetworkFiles.keys {
            for (index, found) in fields.list(key).enumerated() {
                guard case .network(let network) = found.value, let place = found.origin.place else { continue }
                if let first = places[network] {
                    let reason =
                        first.key == key
                        ? "\(network) stands twice, also at \(first.place): leave one out"
                        : "\(network) stands in '\(first.key)' as well, at \(first.place): leave one out"
                    mistakes.add(place, path.key(key).element(index), reason)
                } else {
                    places[network] = (key, place)
                }
            }
        }
    }

    private static func routes(_ names: Fields, _ path: Path, _ mistakes: inout MistakeList) {
        let count = names.pairs("routes").count + names.pairs("alpn").count
        guard count > Limits.routesMax, let place = names.place else { return }
        mistakes.add(place, path, "\(count) routes: at most \(Limits.routesMax)")
    }
}

extension Value.Named {
    /// Of a listener: the pools that it names, each with its place.
    var namedPools: [(pool: String, place: Place, path: Path)] {
        let path = Path.top.key("listeners").key(name)
        var all: [(pool: String, place: Place, path: Path)] = []
        func add(_ pool: String?, _ place: Place?, _ path: Path) {
            if let pool, let place { all.append((pool, place, path)) }
        }
        add(fields.text("pool"), fields.place(of: "pool"), path.key("pool"))
        guard let names = fields.fields("server_name") else { return all }
        for key in ["routes", "alpn"] {
            for pair in names.pairs(key) {
                add(
                    pair.value.value.asText, pair.value.origin.place,
                    path.key("server_name").key(key).key(pair.key.plainText))
            }
        }
        add(names.text("otherwise"), names.place(of: "otherwise"), path.key("server_name").key("otherwise"))
        return all
    }
}

extension Value {
    /// Of a key of a map from texts to texts: as it is, without quotes.
    fileprivate var plainText: String {
        switch self {
        case .text(let text): text
        case .serverName(let pattern): pattern.description
        default: ""
        }
    }
}
