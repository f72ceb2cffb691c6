"""Names in TLS: clients of several libraries before servers of several others."""
import re, shutil, ssl, time

from support import (
    answer, Backend, Balancer, certificates, client_context, connect, DEADLINE, expect, free_port, HELLOS, known, name_of,
    nginx, Program, run, situation, Skip, TLSBackend, work)


class Names:
    """TLS servers behind two names, a wildcard, a protocol and `otherwise`; clients of several TLS libraries before them."""

    def __init__(self):
        certificates({
            "db": ["db.example.org"], "api": ["api.example.org"], "wildcard": ["*.example.org"], "fallback": ["fallback.test"],
            "acme": ["db.example.org"]})
        web_port, openssl_port = free_port(), free_port()
        # A server each of nginx, OpenSSL and Python.
        self.nginx = nginx("nginx-names", f"""http {{ access_log off; TEMP server {{
listen 127.0.0.1:{web_port} ssl http2; ssl_certificate {work}/db.pem; ssl_certificate_key {work}/db.pem;
ssl_protocols TLSv1.2 TLSv1.3; location / {{ return 200 "db"; }} }} }}""", [web_port])
        self.openssl = Program("s_server", [
            "openssl", "s_server", "-accept", f"127.0.0.1:{openssl_port}", "-cert", work / "api.pem", "-www", "-quiet"],
            [openssl_port])
        ports = {
            "db": web_port, "api": openssl_port, "wildcard": TLSBackend("wildcard", ["http/1.1"]).port,
            "fallback": TLSBackend("fallback", ["http/1.1"]).port, "acme": TLSBackend("acme", ["acme-tls/1"]).port,
            "raw": Backend(has_header=False).port}
        pools = {name: {"backends": f"127.0.0.1:{port}", "check": {"kind": "none"}} for name, port in ports.items()}
        # The name that was read goes on to the backend.
        told = Backend(has_header=True)
        pools["told"] = {"backends": f"127.0.0.1:{told.port}", "check": {"kind": "none"}, "proxy_protocol": {
            "version": "v2", "authority": True, "checksum": True}}
        routes = {"db.example.org": "db", "api.example.org": "api", "*.example.org": "wildcard"}
        alpn = {"acme-tls/1": "acme"}
        self.port = {name: free_port() for name in ["otherwise", "close", "raw", "hello", "told"]}
        self.balancer = Balancer("balancer-names", {
            name: {"bind": f"127.0.0.1:{self.port[name]}", "server_name": rules} for name, rules in {
                "otherwise": {"routes": routes, "alpn": alpn, "otherwise": "fallback"},
                "close": {"routes": routes, "otherwise": "close"},
                "raw": {"routes": routes, "otherwise": "raw"},
                "hello": {"routes": {"*.example.org": "raw"}, "timeout": "15s"},
                "told": {"routes": {"*.example.org": "told"}}}.items()}, pools)

    # Each client returns the name of the certificate, after a handshake that it has verified.

    def s_client(self, port, name, *options):
        done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", work / "ca.pem", "-verify_return_error",
                    *(["-servername", name, "-verify_hostname", name] if name else ["-noservername"]), *options])
        found = re.search(r"subject=CN ?= ?(\S+)", done.stdout)
        assert found, f"no certificate: {done.stderr.strip().splitlines()[-1:]}"
        assert done.returncode == 0, done.stderr[-300:]
        return found.group(1)

    def curl(self, port, name, *options):
        done = run(["curl", "-sS", "--max-time", DEADLINE, "--cacert", work / "ca.pem", "--resolve", f"{name}:{port}:127.0.0.1",
                    "-w", "\\n%{http_version}", *options, f"https://{name}:{port}/"])
        assert done.returncode == 0, done.stderr.strip()
        body, _, version = done.stdout.rpartition("\n")
        wanted = "2" if "--http2" in options and name.startswith("db.") else "1"
        assert version.startswith(wanted) or name.startswith("api."), f"HTTP/{version}"
        return "api" if "s_server" in body else body

    def python(self, port, name, version):
        context = client_context()
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(connect(port), server_hostname=name) as client:
            return dict(each[0] for each in client.getpeercert()["subject"])["commonName"]

    def gnutls(self, port, name, *options):
        if not shutil.which("gnutls-cli"):
            raise Skip("gnutls-cli is not installed")
        done = run(["gnutls-cli", "--x509cafile", work / "ca.pem", "--sni-hostname", name, "--verify-hostname", name, *options,
                    "-p", port, "127.0.0.1"])
        assert done.returncode == 0, (done.stderr or done.stdout)[-300:]
        return re.search(r"subject `CN=(\S+?)'", done.stdout).group(1)

    def routed(self, client, *options):
        """Each name leads to the server with its certificate."""
        for name, wanted in [("db.example.org", "db"), ("api.example.org", "api"), ("other.example.org", "wildcard")]:
            expect(name, client(self.port["otherwise"], name, *options), wanted)

    def otherwise(self):
        context = client_context()
        context.check_hostname = False
        for name in [None, "unknown.test", "example.org", "a.b.example.com", "xdb.example.org.test"]:
            with context.wrap_socket(connect(self.port["otherwise"]), server_hostname=name) as client:
                expect(f"the name {name}", dict(each[0] for each in client.getpeercert()["subject"])["commonName"], "fallback")

    def no_name(self):
        return expect("the certificate", self.s_client(self.port["otherwise"], None), "fallback")

    def closed(self, name):
        context = client_context()
        with connect(self.port["close"]) as client:
            at = name_of(client)
            context.check_hostname = name is not None
            try:
                with context.wrap_socket(client, server_hostname=name):
                    raise AssertionError("it is served")
            except ssl.SSLEOFError:
                remark = "EOF"
            except ConnectionResetError:
                remark = "reset"
        self.balancer.logged(at, "close", reason="no-route")
        return remark

    def words(self, listener):
        """What is no TLS."""
        request = b"GET / HTTP/1.1\r\nHost: db.example.org\r\n\r\n"
        with connect(self.port[listener]) as client:
            if listener == "raw":
                return expect("the bytes", known(client, request)["data"], request.hex())
            found, at = answer(client, request), name_of(client)
        self.balancer.logged(at, listener, reason="no-route")
        assert found in ("closed", "reset"), found
        return found

    def silent(self):
        begun = time.monotonic()
        with connect(self.port["otherwise"]) as client:
            found = answer(client, b"")
            seconds = time.monotonic() - begun
            at = name_of(client)
        assert 2.5 < seconds < 6, seconds
        self.balancer.logged(at, "otherwise", reason="preface-timeout")
        return f"{found} after {seconds:.1f} s"

    def protocol(self):
        context = client_context()
        for protocols, wanted in [(["acme-tls/1"], "acme"), (["h2", "http/1.1"], "db"), (["http/1.1", "acme-tls/1"], "acme")]:
            context.set_alpn_protocols(protocols)
            with context.wrap_socket(connect(self.port["otherwise"]), server_hostname="db.example.org") as client:
                expect(protocols, dict(each[0] for each in client.getpeercert()["subject"])["commonName"], wanted)
                if wanted == "acme":
                    expect("the protocol", client.selected_alpn_protocol(), "acme-tls/1")
        expect("s_client", self.s_client(self.port["otherwise"], "db.example.org", "-alpn", "acme-tls/1"), "acme")

    def hello(self, file, size):
        """Whatever the segments, every byte arrives as it was."""
        text = (HELLOS / file).read_text()
        hello = bytes.fromhex("".join(line for line in text.splitlines() if not line.startswith("#")))
        assert len(hello) > 1400, len(hello)
        with connect(self.port["hello"]) as client:
            for place in range(0, len(hello), size):
                client.sendall(hello[place:place + size])
                time.sleep(0.0002)
            expect("the bytes", known(client, b"")["data"], hello.hex())
            at = name_of(client)
        self.balancer.logged(at, "hello", pool="raw", reason="finished")
        return f"{len(hello)} bytes"

    def authority(self):
        """The backend is told the name, before the hello."""
        hello = ssl.MemoryBIO()
        try:
            client_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="Db.Example.org").do_handshake()
        except ssl.SSLWantReadError:
            pass
        data = hello.read()
        with connect(self.port["told"]) as client:
            found = known(client, data)
            expect("the client", found["source"], name_of(client, " "))
        expect("the name", found["authority"].lower(), "db.example.org")
        expect("the bytes", found["data"], data.hex())

    def run(self):
        for version in ["1_2", "1_3"]:
            situation(f"openssl s_client, TLS {version}", self.routed, self.s_client, f"-tls{version}")
        situation("curl, HTTP/1.1", self.routed, self.curl, "--http1.1")
        situation("curl, HTTP/2", self.routed, self.curl, "--http2")
        situation("python, TLS 1.2", self.routed, self.python, ssl.TLSVersion.TLSv1_2)
        situation("python, TLS 1.3", self.routed, self.python, ssl.TLSVersion.TLSv1_3)
        situation("gnutls-cli", self.routed, self.gnutls)
        situation("gnutls-cli, TLS 1.2", self.routed, self.gnutls, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
        situation("otherwise: no name by s_client", self.no_name)
        situation("otherwise: no name and names without a route", self.otherwise)
        situation("close: a name without a route", self.closed, "unknown.test")
        situation("close: no name", self.closed, None)
        situation("close: plain HTTP", self.words, "close")
        situation("otherwise: plain HTTP", self.words, "raw")
        situation("otherwise: a client that says nothing", self.silent)
        situation("ALPN acme-tls/1 goes before the name", self.protocol)
        for file in ["chrome.hex", "firefox.hex"]:
            for size in [1, 100, 1400]:
                situation(f"the hello of {file[:-4]} in segments of {size}", self.hello, file, size)
        situation("PROXY authority: the name that was read", self.authority)
        for each in [self.balancer, self.nginx, self.openssl]:
            each.stop()
