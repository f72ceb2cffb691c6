"""PROXY protocol in: programs that send a header to the balancer."""
import json, random, time

from support import (
    answer, attempt, Backend, Balancer, certificates, CLIENT, client_context, connect, DEADLINE, envoy, eventually, expect,
    free_port, haproxy, has_ipv6, known, name_of, nginx, OTHER, run, situation, skip, work)


class In:
    """Programs that send a header to the balancer, which says to a backend in one of its own who the client is."""

    def __init__(self):
        certificates({"edge": ["db.example.org"]})
        self.backend, self.plain = Backend(has_header=True), Backend(has_header=False)
        ports = self.port = {name: free_port() for name in [
            "required", "required-v1", "optional", "plain", "refused", "inner", "to-inner", "to-inner-v1", "to-haproxy",
            "to-haproxy-v1", "to-envoy", "to-envoy-v1"]}
        feeders = self.feeders = {name: free_port() for name in [
            "haproxy send-proxy", "haproxy send-proxy-v2", "haproxy crc32c, unique-id", "haproxy authority, ssl", "nginx stream",
            "haproxy chain", "haproxy chain v1", "envoy v1", "envoy v2", "envoy chain", "envoy chain v1", "nginx optional",
            "haproxy optional", "haproxy checks"]}
        believed = {"from": ["127.0.0.1", "::1"]}
        told = {"version": "v2", "checksum": True, "unique_id": True, "authority": True}

        def listener(name, pool, **more):
            hosts = ["127.0.0.1"] + (["[::1]"] if has_ipv6 and name in ("to-haproxy", "to-inner") else [])
            return {"bind": [f"{host}:{ports[name]}" for host in hosts], "pool": pool, **more}

        def pool(port, form):
            return {"backends": f"127.0.0.1:{port}", "check": {"kind": "none"}, "proxy_protocol": form}

        self.balancer = Balancer("balancer-in", {
            "required": listener("required", "told", proxy_protocol=believed),
            "required-v1": listener("required-v1", "told-v1", proxy_protocol=believed),
            "optional": listener("optional", "told", proxy_protocol={"accept": "optional", **believed}),
            "plain": listener("plain", "plain", proxy_protocol={"accept": "optional", **believed}),
            "refused": listener("refused", "told", proxy_protocol={"from": "10.9.9.9"}),
            "inner": listener("inner", "told", proxy_protocol=believed, deny=OTHER)}, {
            "told": pool(self.backend.port, told), "told-v1": pool(self.backend.port, "v1"),
            "plain": {"backends": f"127.0.0.1:{self.plain.port}", "check": {"kind": "none"}}})
        # The one before it, in chains.
        self.outer = Balancer("balancer-before", {
            each: listener(each, each) for each in [
                "to-inner", "to-inner-v1", "to-haproxy", "to-haproxy-v1", "to-envoy", "to-envoy-v1"]}, {
            "to-inner": pool(ports["inner"], told), "to-inner-v1": pool(ports["inner"], "v1"),
            "to-haproxy": pool(feeders["haproxy chain"], "v2"), "to-haproxy-v1": pool(feeders["haproxy chain v1"], "v1"),
            "to-envoy": pool(feeders["envoy chain"], told), "to-envoy-v1": pool(feeders["envoy chain v1"], "v1")})
        required = f"server b 127.0.0.1:{ports['required']}"
        self.haproxy = haproxy("haproxy-in", f"""
  mode tcp
listen v1
  bind 127.0.0.1:{feeders["haproxy send-proxy"]}
  {required} send-proxy
listen v2
  bind 127.0.0.1:{feeders["haproxy send-proxy-v2"]}
  {required} send-proxy-v2
listen options
  bind 127.0.0.1:{feeders["haproxy crc32c, unique-id"]}
  unique-id-format id-of-%[src]
  {required} send-proxy-v2 proxy-v2-options crc32c,unique-id
listen tls
  bind 127.0.0.1:{feeders["haproxy authority, ssl"]} ssl crt {work}/edge.pem
  unique-id-format id-of-%[src]
  {required} send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-sig,cert-key
listen checked
  bind 127.0.0.1:{feeders["haproxy checks"]}
  server plain 127.0.0.1:{ports["required"]} check inter 200 fall 1
  server local {required.split(" ")[2]} send-proxy-v2 check-send-proxy check inter 200 fall 1
  server line {required.split(" ")[2]} send-proxy check-send-proxy check inter 200 fall 1
  server named 127.0.0.1:{ports["optional"]} check inter 200 fall 1
listen optional
  bind 127.0.0.1:{feeders["haproxy optional"]}
  server b 127.0.0.1:{ports["optional"]} send-proxy-v2 proxy-v2-options crc32c
listen chain
  bind 127.0.0.1:{feeders["haproxy chain"]} accept-proxy
  {required} send-proxy-v2
listen chain-v1
  bind 127.0.0.1:{feeders["haproxy chain v1"]} accept-proxy
  server b 127.0.0.1:{ports["required-v1"]} send-proxy
""", [each for name, each in feeders.items() if name.startswith("haproxy")])
        self.nginx = nginx("nginx-in", "stream { proxy_protocol on;" + "".join(
            f" server {{ listen 127.0.0.1:{feeders[name]}; proxy_pass 127.0.0.1:{ports[to]}; }}"
            for name, to in [("nginx stream", "required"), ("nginx optional", "optional")]) + " }", [
            feeders["nginx stream"], feeders["nginx optional"]])
        self.envoy = envoy("envoy", [
            (feeders["envoy v1"], False, ports["required"], "V1"), (feeders["envoy v2"], False, ports["required"], "V2"),
            (feeders["envoy chain"], True, ports["required"], "V2"), (feeders["envoy chain v1"], True, ports["required"], "V1")])

    def through(self, port, listener, source=CLIENT, divided=None, **wanted):
        """The backend and the log of the balancer have the client's address, whoever is between."""
        with connect(port, source) as client:
            found = known(client)
            expect("the client of which the backend is told", found.get("source"), name_of(client, " "))
            # What the client came to, wherever that was.
            host = "::1" if ":" in source else "127.0.0.1"
            expect("the address it came to", found["destination"], f"{host} {port}")
            for key, value in wanted.items():
                expect(key, found.get(key), value)
            expect("its bytes", found["data"], b"hello\n".hex())
            name = name_of(client)
        line = self.balancer.logged(name, listener, reason="finished", discarded=0)
        if "unique_id" in found:
            expect("the id", found["unique_id"], line["id"])

    def checks(self):
        """Checks of a balancer before this one, with and without a header, are good, and no reason for a warning."""
        before = self.backend.count
        eventually("checks with a header reach the backend", lambda: self.backend.count >= before + 6)
        down = [line for line in self.haproxy.text().splitlines() if "DOWN" in line]
        assert not down, down[0]
        found = self.balancer.events("listener-header-wrong")
        assert not found, found[0]["message"]

    def encrypted(self):
        port = self.feeders["haproxy authority, ssl"]
        with client_context().wrap_socket(connect(port), server_hostname="db.example.org") as client:
            found = known(client)
            expect("the client", found["source"], name_of(client, " "))
            expect("the name that the client asked for", found.get("authority"), "db.example.org")
            name = name_of(client)
        self.balancer.logged(name, "required", reason="finished")

    def curl_web(self, options, listener):
        """The backend speaks no HTTP: curl prints what it says, and leaves when its time is over."""
        local = random.randrange(18_000, 19_900)
        done = run(["curl", "-s", "--http0.9", "--max-time", "1", "--local-port", f"{local}-{local + 50}", *options,
                    f"http://127.0.0.1:{self.port[listener]}/"])
        found = json.loads(done.stdout.splitlines()[0])
        assert bytes.fromhex(found["data"]).startswith(b"GET / HTTP/1.1"), found["data"]
        host, port = found["source"].split(" ")
        assert host == "127.0.0.1" and local <= int(port) <= local + 50, found
        self.balancer.logged(f"{host}:{port}", listener)

    def optional_without(self):
        with connect(self.port["optional"], "127.0.0.1") as client:
            expect("the client", known(client)["source"], name_of(client, " "))

    def optional_unbelieved(self):
        """From elsewhere a header is the client's own bytes."""
        header = b"PROXY TCP4 10.1.1.1 10.2.2.2 1 2\r\n"
        with connect(self.port["plain"], CLIENT) as client:
            expect("the bytes", known(client, header)["data"], header.hex())
            name = name_of(client)
        self.balancer.logged(name, "plain", reason="finished")

    def plain_believed(self):
        """The header is not handed on to a backend that is to have none."""
        with connect(self.port["plain"], "127.0.0.1") as client:
            expect("the bytes", known(client, b"PROXY TCP4 10.1.1.1 10.2.2.2 1 2\r\nhello\n")["data"], b"hello\n".hex())
        self.balancer.logged("10.1.1.1:1", "plain", reason="finished")

    def closed(self, listener, source, data, seconds=DEADLINE):
        begun = time.monotonic()
        found = attempt(self.port[listener], source, data)
        assert found in ("closed", "reset") and time.monotonic() - begun < seconds, found
        return found

    def denied_by_header(self):
        with connect(self.port["to-inner"], OTHER) as client:
            found = answer(client)
            name = name_of(client)
        assert found in ("closed", "reset"), found
        self.balancer.logged(name, "inner", reason="denied")
        return found

    def run(self):
        feeders, port = self.feeders, self.port
        situation("haproxy: its checks are no fault", self.checks)
        for name in ["haproxy send-proxy", "haproxy send-proxy-v2", "haproxy crc32c, unique-id", "nginx stream"]:
            situation(f"{name} -> required", self.through, feeders[name], "required")
        situation("haproxy authority, ssl -> required: the name is told on", self.encrypted)
        for name in ["haproxy optional", "nginx optional"]:
            situation(f"{name} -> optional", self.through, feeders[name], "optional")
        situation("curl --haproxy-protocol -> required", self.curl_web, ["--haproxy-protocol"], "required")
        situation("curl --haproxy-protocol -> optional", self.curl_web, ["--haproxy-protocol"], "optional")
        situation("curl without a header -> optional", self.curl_web, [], "optional")
        situation("optional: a client without a header is itself", self.optional_without)
        situation("optional: a header from elsewhere is the client's bytes", self.optional_unbelieved)
        situation("optional: a header goes to no backend that is to have none", self.plain_believed)
        situation("required: a client without a header", self.closed, "required", "127.0.0.1", b"hello, this is no header\n")
        situation("required: half a header, then nothing", self.closed, "required", "127.0.0.1", b"PROXY TCP4 1.2", 5)
        situation("required: a header from elsewhere", self.closed, "refused", "127.0.0.1", b"PROXY UNKNOWN\r\nhello\n")
        situation("balancer v2 -> balancer", self.through, port["to-inner"], "inner")
        situation("balancer v1 -> balancer", self.through, port["to-inner-v1"], "inner")
        situation("balancer -> balancer: a client is denied by its header", self.denied_by_header)
        situation("balancer -> haproxy -> balancer", self.through, port["to-haproxy"], "required")
        situation("balancer v1 -> haproxy -> balancer v1", self.through, port["to-haproxy-v1"], "required-v1")
        if has_ipv6:
            situation("balancer v2 -> balancer, IPv6", self.through, port["to-inner"], "inner", "::1")
            situation("balancer -> haproxy -> balancer, IPv6", self.through, port["to-haproxy"], "required", "::1")
        for title, at in [("envoy v1 -> balancer", feeders["envoy v1"]), ("envoy v2 -> balancer", feeders["envoy v2"]),
                          ("balancer -> envoy -> balancer", port["to-envoy"]),
                          ("balancer v1 -> envoy v1 -> balancer", port["to-envoy-v1"])]:
            situation(title, *([self.through, at, "required"] if self.envoy else [skip, "no envoy here"]))
        situation("every header was well formed", lambda: expect("faults", self.backend.faults, []))
        for each in [self.outer, self.balancer, self.haproxy, self.nginx, *([self.envoy] if self.envoy else [])]:
            each.stop()
