"""What the parts of preface-interop have in common: programs, backends, clients, and a line per situation."""
import json, os, pathlib, random, shutil, signal, socket, ssl, struct, subprocess, sys, tempfile, threading, time

DEADLINE = 15
# So long nothing may happen where nothing should.
QUIET = 0.4
HELLOS = pathlib.Path(__file__).resolve().parent.parent.parent / "BalancerTests" / "Preface" / "Hellos"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# The client in the situations: not the address from which the programs between connect.
CLIENT, OTHER = "127.0.0.9", "127.0.0.10"

balancer = str(pathlib.Path(sys.argv[1]).resolve())
begun = time.monotonic()
work = pathlib.Path(tempfile.mkdtemp(prefix="preface."))
work.chmod(0o755)
programs = []
results = {"ok": 0, "FAILED": 0, "skipped": 0}
try:
    with socket.socket(socket.AF_INET6) as each:
        each.bind(("::1", 0))
    has_ipv6 = True
except OSError:
    has_ipv6 = False


class Skip(Exception):
    pass


def skip(reason):
    raise Skip(reason)


def fail(reason):
    raise AssertionError(reason)


def eventually(what, condition, seconds=DEADLINE):
    """Waits until a condition holds, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def expect(what, found, wanted):
    assert found == wanted, f"{what}: {found!r} instead of {wanted!r}"


used = set()


def free_port():
    """A free port below those that the kernel gives to clients: none of these takes it before the program that it is for."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as each:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port not in used and each.connect_ex(("127.0.0.1", port)) != 0:
                used.add(port)
                return port


class Program:
    """A program with one log, ended by its own id."""

    def __init__(self, name, command, ports, environment=None, stop=signal.SIGTERM, own_group=False):
        self.name, self.stop_signal, self.log, self.mark = name, stop, work / f"{name}.log", 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(each) for each in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=work,
                env={**os.environ, **(environment or {})}, start_new_session=own_group)
        programs.append(self)
        for port in ports:
            eventually(f"{name} listens on {port}", lambda: self.listens(port))

    def listens(self, port):
        assert self.process.poll() is None, f"{self.name} has ended: {self.text()[-1500:]}"
        with socket.socket() as each:
            return each.connect_ex(("127.0.0.1", port)) == 0

    def text(self):
        return self.log.read_text(errors="replace")

    def lines(self):
        """What it has written since `begin`."""
        return self.text()[self.mark:].splitlines()

    def begin(self):
        """Passes over what it wrote about those that only looked whether it listens."""
        before = -1
        while before != (before := len(self.text())):
            time.sleep(0.2)
        self.mark = before

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Balancer(Program):
    """A balancer whose sessions and events are read as JSON."""

    def __init__(self, name, listeners, pools, threads=2):
        path = work / f"{name}.yaml"
        self.sessions_path = work / f"{name}.sessions"
        # What is JSON is YAML.
        path.write_text(json.dumps({
            "process": {"threads": threads, "drain_time": "5s"}, "listeners": listeners, "pools": pools, "log": {
                "sessions": {"to": str(self.sessions_path), "format": "json"},
                "events": {"to": "stderr", "level": "debug", "format": "json"}}}, indent=1))
        super().__init__(name, [balancer, "run", path], [])
        eventually(f"{name} has started", lambda: self.is_running() and self.events("process-started"))

    def is_running(self):
        assert self.process.poll() is None, f"{self.name} has ended: {self.text()[-1500:]}"
        return True

    def events(self, kind, **fields):
        found = [json.loads(line) for line in self.text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [each for each in found if each["event"] == kind and all(each.get(key) == fields[key] for key in fields)]

    def session(self, client, **fields):
        """The line of a client's session."""
        def found():
            if not self.sessions_path.exists():
                return None
            lines = [line for line in self.sessions_path.read_text().splitlines() if line.endswith("}")]
            return [each for each in map(json.loads, lines)
                    if each["client"] == client and all(each.get(key) == fields[key] for key in fields)]
        return eventually(f"{self.name} has a session of {client} {fields or ''}", found)[-1]

    def logged(self, client, listener, **wanted):
        # Another listener may have had a client of this port.
        line = self.session(client, listener=listener)
        for key, value in wanted.items():
            expect(f"{key} in the session's line", line.get(key), value)
        return line


def receive(connection, count):
    data = b""
    while len(data) < count:
        data += (more := connection.recv(count - len(data)))
        if not more:
            raise EOFError(f"ended after {data!r}")
    return data


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def read_header(connection):
    """A PROXY header as a map; what is not well formed raises."""
    start = receive(connection, 5)
    if start == b"PROXY":
        line = start
        while not line.endswith(b"\r\n"):
            line += receive(connection, 1)
            assert len(line) <= 107, line
        words = line.decode().rstrip("\r\n").split(" ")
        if words[1] == "UNKNOWN":
            return {"version": 1, "family": "UNKNOWN"}
        return {"version": 1, "family": words[1], "source": f"{words[2]} {words[4]}", "destination": f"{words[3]} {words[5]}"}
    head = start + receive(connection, 11)
    assert head.startswith(SIGNATURE), head
    command, family, length = struct.unpack("!BBH", head[12:])
    body = receive(connection, length)
    found = {"version": 2, "command": {0x20: "LOCAL", 0x21: "PROXY"}[command], "family": family}
    size = {0x11: 12, 0x21: 36}.get(family, 0)
    if size:
        kind, half = (socket.AF_INET, 4) if size == 12 else (socket.AF_INET6, 16)
        ports = struct.unpack("!HH", body[2 * half:size])
        found["source"] = f"{socket.inet_ntop(kind, body[:half])} {ports[0]}"
        found["destination"] = f"{socket.inet_ntop(kind, body[half:2 * half])} {ports[1]}"
    place = size
    while place < length:
        kind, count = struct.unpack("!BH", body[place:place + 3])
        value = body[place + 3:place + 3 + count]
        assert len(value) == count, "a field goes beyond the header's end"
        if kind == 0x03:
            whole = head + body[:place + 3] + b"\0\0\0\0" + body[place + 7:]
            assert struct.unpack("!I", value)[0] == crc32c(whole), "wrong checksum"
            found["checksum"] = "right"
        elif kind in {0x01: "alpn", 0x02: "authority", 0x05: "unique_id"}:
            found[{0x01: "alpn", 0x02: "authority", 0x05: "unique_id"}[kind]] = value.decode()
        elif kind == 0x20:
            found["ssl"] = value[0]
        elif kind != 0x04:
            found[f"field {kind:#x}"] = value.hex()
        place += 3 + count
    return found


class Backend:
    """Answers a client's line with what it knows of the client, as JSON: the header, if there is one, and the line's bytes."""

    def __init__(self, has_header, host="127.0.0.1"):
        self.has_header, self.count, self.faults = has_header, 0, []
        self.listener = socket.create_server((host, 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, peer = self.listener.accept()
            self.count += 1
            threading.Thread(target=self.serve, args=(connection, peer), daemon=True).start()

    def serve(self, connection, peer):
        with connection:
            connection.settimeout(60)
            try:
                known = {"peer": peer[0], **(read_header(connection) if self.has_header else {})}
                data = b""
                while more := connection.recv(65536):
                    data += more
                    # A line, or a record of TLS that is whole.
                    if data[0] == 22 and len(data) >= 5:
                        if len(data) < 5 + struct.unpack("!H", data[3:5])[0]:
                            continue
                    elif b"\n" not in data[-2:]:
                        continue
                    connection.sendall(json.dumps({**known, "data": data.hex()}).encode() + b"\n")
                    data = b""
            except (EOFError, OSError):
                pass
            except Exception as fault:
                self.faults.append(repr(fault))


class TLSBackend:
    """Answers each request over TLS with its name."""

    def __init__(self, name, protocols):
        self.name = name
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(work / f"{name}.pem")
        self.context.set_alpn_protocols(protocols)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.settimeout(30)
            with self.context.wrap_socket(connection, server_side=True) as secure:
                while secure.recv(65536):
                    text = self.name.encode()
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        except OSError:
            connection.close()


# MARK: clients

def connect(port, source=CLIENT):
    """A client of a port, or of a Unix socket where a path stands for it."""
    if isinstance(port, (str, pathlib.Path)):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(DEADLINE)
        client.connect(str(port))
        return client
    host = "::1" if ":" in source else "127.0.0.1"
    client = socket.create_connection((host, port), DEADLINE, source_address=(source, 0))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def name_of(client, divider=None):
    """A client's own address as the log writes it, or with a space for the programs that answer."""
    if client.family == socket.AF_UNIX:
        return "unix:"
    host, port = client.getsockname()[:2]
    return f"{host} {port}" if divider else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer(client, data=b"hello\n"):
    """Sends a line, and returns the line that answers it; `closed` or `reset` when none does."""
    try:
        if data:
            client.sendall(data)
        reply = b""
        while not reply.endswith(b"\n"):
            more = client.recv(65536)
            if not more:
                return reply.decode() or "closed"
            reply += more
        return reply.decode().strip()
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def attempt(port, source=CLIENT, data=b"hello\n"):
    """What a client gets that comes, asks and leaves; a RST may be there before the connection is known to stand."""
    try:
        with connect(port, source) as client:
            return answer(client, data)
    except ConnectionResetError:
        return "reset"


def known(client, data=b"hello\n"):
    """What the backend knows of the client."""
    text = answer(client, data)
    assert text.startswith("{"), f"no answer but {text!r}"
    return json.loads(text)


def web(client):
    """The body of the answer to a request over HTTP."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
    reply = b""
    while more := client.recv(65536):
        reply += more
    head, _, body = reply.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200"), head or "no answer"
    return body.strip()


def run(command, data="", seconds=DEADLINE):
    return subprocess.run([str(each) for each in command], input=data, capture_output=True, text=True, timeout=seconds)


def situation(title, function, *arguments):
    """Runs a situation and prints its line."""
    word, remark = "ok", None
    try:
        remark = function(*arguments)
    except Skip as reason:
        word, remark = "skipped", reason
    except (AssertionError, OSError, EOFError, ValueError, KeyError, subprocess.SubprocessError) as fault:
        word, remark = "FAILED", f"{type(fault).__name__}: {fault}" if not isinstance(fault, AssertionError) else fault
    results[word] += 1
    print(f"{word:8} {title}{f': {remark}' if remark else ''}", flush=True)


def section(title):
    print(f"\n{title} ({time.monotonic() - begun:.0f} s)", flush=True)


# MARK: the programs of others

def nginx(name, text, ports):
    path = work / f"{name}.conf"
    module = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;" if os.path.exists(
        "/usr/lib/nginx/modules/ngx_stream_module.so") else ""
    folders = " ".join(f"{each}_temp_path {work}/temp;" for each in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    path.write_text(
        f"{module} worker_processes 1; daemon off; pid {work}/{name}.pid; error_log stderr info;\n"
        f"{'user root;' if os.geteuid() == 0 else ''} events {{ worker_connections 256; }}\n" + text.replace("TEMP", folders))
    return Program(name, ["nginx", "-e", "stderr", "-c", path], ports, stop=signal.SIGQUIT)


def haproxy(name, text, ports):
    path = work / f"{name}.cfg"
    path.write_text(
        "global\n  log stdout format raw local0 info\n  maxconn 500\n"
        "defaults\n  log global\n  option dontlognull\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n" + text)
    return Program(name, ["haproxy", "-db", "-f", path], ports)


def certificates(names):
    """An authority, and a certificate with its key for each name and the hosts that it is for."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    made = run(["openssl", "req", "-x509", *key, "-keyout", work / "ca.key", "-out", work / "ca.pem", "-subj", "/CN=authority",
                "-addext", "keyUsage=critical,keyCertSign"])
    assert made.returncode == 0, made.stderr
    for name, hosts in names.items():
        made = run(["openssl", "req", "-x509", *key, "-keyout", work / f"{name}.key", "-out", work / f"{name}.crt",
                    "-CA", work / "ca.pem", "-CAkey", work / "ca.key", "-subj", f"/CN={name}",
                    "-addext", "basicConstraints=critical,CA:FALSE",
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts)])
        assert made.returncode == 0, made.stderr
        (work / f"{name}.pem").write_text((work / f"{name}.crt").read_text() + (work / f"{name}.key").read_text())


def client_context():
    return ssl.create_default_context(cafile=work / "ca.pem")


def envoy(name, listeners):
    """Listeners: a port, whether clients send a header, the port behind it and the version that is sent there."""
    program = os.environ.get("ENVOY") or shutil.which("envoy")
    if not program:
        return None
    def socket_address(port):
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    api = "type.googleapis.com/envoy.extensions"
    configuration = {"static_resources": {"listeners": [{
        "name": f"l{port}", "address": socket_address(port),
        "listener_filters": [{"name": "proxy", "typed_config": {
            "@type": f"{api}.filters.listener.proxy_protocol.v3.ProxyProtocol"}}] if reads else [],
        "filter_chains": [{"filters": [{"name": "tcp", "typed_config": {
            "@type": f"{api}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "a", "cluster": f"c{port}"}}]}]}
        for port, reads, _, _ in listeners], "clusters": [{
            "name": f"c{port}", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
                "cluster_name": f"c{port}", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": socket_address(behind)}}]}]},
            "transport_socket": {"name": "proxy", "typed_config": {
                "@type": f"{api}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                "config": {"version": version}, "transport_socket": {"name": "raw", "typed_config": {
                    "@type": f"{api}.transport_sockets.raw_buffer.v3.RawBuffer"}}}}}
        for port, _, behind, version in listeners]}}
    path = work / f"{name}.json"
    path.write_text(json.dumps(configuration))
    return Program(name, [program, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"],
                   [port for port, _, _, _ in listeners])
