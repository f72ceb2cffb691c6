import Glibc
import Testing

@testable import ConfigurationFile

/// `include`, with files in a folder of their own.
@Suite struct IncludeTests {
    /// A folder that is removed when the value ends. Its name has characters of patterns in it.
    struct Folder: ~Copyable {
        let path: String

        init(_ files: [String: String]) throws {
            var template = Array("/tmp/balancer-[*]-XXXXXX".utf8CString)
            path = unsafe String(cString: try #require(unsafe mkdtemp(&template))) + "/"
            _ = unsafe mkdir(path + "conf.d", 0o755)
            for (name, text) in files { Folders.write(text, to: path + name) }
        }

        borrowing func mistakes(of name: String = "balancer.yaml") -> [String] {
            do throws(Mistakes) {
                _ = try Document.read(path + name, surroundings: .staged)
                return []
            } catch {
                return error.list.map { $0.headline.split(separator: path, omittingEmptySubsequences: false).joined() }
            }
        }

        deinit {
            for pattern in ["conf.d/*", "*"] {
                for file in (try? FileReader.files(matching: pattern, in: path)) ?? [] {
                    _ = unsafe unlink(file)
                    _ = unsafe rmdir(file)
                }
            }
            _ = unsafe rmdir(path)
        }
    }

    private static let main = """
        include: conf.d/*.yaml
        defaults: {idle_timeout: 7m}
        listeners: {web: {bind: "127.0.0.1:80", pool: a}}
        pools: {b: {backends: "10.0.0.1:80"}}
        """

    @Test func filesAreReadInTheirOrder() throws {
        let folder = try Folder([
            "balancer.yaml": Self.main, "conf.d/2.yaml": "pools: {c: {backends: \"10.0.0.1:80\"}}",
            "conf.d/1.yaml": "pools: {a: {backends: \"10.0.0.1:80\"}}", "conf.d/3.yaml": "# nothing\n",
            "conf.d/4.yml": "not: read",
        ])
        let document = try Document.read(folder.path + "balancer.yaml", surroundings: .staged)
        #expect(document.pools.map(\.name.value) == ["b", "a", "c"])
        #expect(document.pools[1].idleTimeout.value == .seconds(420))
        #expect(document.pools[1].name.origin.place?.file == folder.path + "conf.d/1.yaml")
    }

    @Test func aMistakeNamesItsFile() throws {
        let folder = try Folder([
            "balancer.yaml": Self.main,
            "conf.d/1.yaml": "pools:\n  a: {backends: \"10.0.0.1\"}\n  b: {backends: \"10.0.0.1:80\"}\nlog: {}\n",
            "conf.d/2.yaml": "include: x.yaml\n",
        ])
        #expect(
            folder.mistakes() == [
                "conf.d/1.yaml:2:17: pools.a.backends: '10.0.0.1': it has no port: an address or name and a port, as in "
                    + "10.0.0.1:80, [fd00::1]:80 or db1:5432 is needed",
                "conf.d/1.yaml:3:3: pools.b: the pool 'b' exists already, at balancer.yaml:4:9: rename one of them",
                "conf.d/1.yaml:4:1: log: no such key here: it belongs to the file",
                "conf.d/2.yaml:1:1: include: no such key here: it belongs to the file",
            ])
    }

    @Test func aPatternMayMatchNothingAndAPathMustExist() throws {
        let pattern = try Folder([
            "balancer.yaml": "include: [conf.d/*.yaml, nowhere/*.yaml]\n" + small()
        ])
        #expect(pattern.mistakes() == [])
        let path = try Folder(["balancer.yaml": "include: conf.d/a.yaml\n" + small()])
        #expect(path.mistakes() == ["balancer.yaml:1:10: include: 'conf.d/a.yaml': there is no such file"])
        let twice = try Folder([
            "balancer.yaml": "include: [conf.d/a.yaml, \"*.yaml\", conf.d/*.yaml]\n" + small(), "conf.d/a.yaml": "",
        ])
        #expect(
            twice.mistakes() == [
                "balancer.yaml:1:26: include: 'balancer.yaml' is the file itself: name each file once",
                "balancer.yaml:1:36: include: 'conf.d/a.yaml' is a file that is included already: name each file once",
            ])
    }

    @Test func aPipeThatAPatternFindsIsNotOpened() throws {
        let folder = try Folder(["balancer.yaml": Self.main])
        #expect(unsafe mkfifo(folder.path + "conf.d/1.yaml", 0o600) == 0)
        #expect(
            folder.mistakes().first
                == "balancer.yaml:1:10: include: 'conf.d/1.yaml': it is no file, but a pipe, socket or device")
    }

    @Test func whatIsNoFileIsExplained() throws {
        let folder = try Folder(["balancer.yaml": small()])
        #expect(folder.mistakes(of: "conf.d") == ["conf.d: it is a folder: name a file in it"])
        #expect(folder.mistakes(of: "none.yaml") == ["none.yaml: there is no such file"])
        #expect(folder.mistakes(of: "balancer.yaml/x") == ["balancer.yaml/x: a part of its path is no folder"])
        Folders.write(String(repeating: "# comment\n", count: 110_000), to: folder.path + "large.yaml")
        #expect(folder.mistakes(of: "large.yaml").first?.contains("larger than 1 MiB") == true)
        #expect(throws: Mistakes.self) { _ = try Document.read("", surroundings: .staged) }
    }
}
