"""PROXY protocol out: programs that read the header of the balancer."""
import os, pwd, re, shutil, subprocess

from support import (
    answer, Backend, Balancer, CLIENT, connect, envoy, eventually, expect, free_port, haproxy, has_ipv6, known, name_of,
    nginx, Program, situation, skip, Skip, web, work)

# What a server writes about a client that has left it the wrong way.
COMPLAINTS = re.compile(
    r"\[(warn|error|crit|alert|emerg)\]|broken header|BADREQ|PROXY protocol|Connection closed|lost connection|event=closed"
    r"|io-error|bad-input|reason=disconnect|fatal|warning|timed? ?out", re.I)

# What each pool sends. With a Unix socket there is no address to tell.
FORMS = {
    "v1": {"version": "v1"}, "v2": {"version": "v2"},
    "v2 with all": {"version": "v2", "checksum": True, "unique_id": True, "authority": True}}


class Out:
    """Servers that read the header, and a listener per server and form, for IPv4, IPv6 and a Unix socket."""

    def __init__(self):
        self.port, self.path = {}, {}
        web_port, stream_port, proxy_port = free_port(), free_port(), free_port()
        told = "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port"
        self.nginx = nginx("nginx-out", f"""
http {{ access_log off; TEMP server {{ listen 127.0.0.1:{web_port} proxy_protocol; location / {{ return 200 "{told}\\n"; }} }} }}
stream {{ server {{ listen 127.0.0.1:{stream_port} proxy_protocol; return "{told}\\n"; }} }}
""", [web_port, stream_port])
        seen = "%[src] %[src_port] %[dst] %[dst_port] id=%[fc_pp_unique_id] name=%[fc_pp_authority]"
        self.haproxy = haproxy("haproxy-out", f"""
frontend told
  mode http
  bind 127.0.0.1:{proxy_port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "{seen}\\n"
""", [proxy_port])
        self.backend = Backend(has_header=True)
        exchange = {"kind": "exchange", "interval": "300ms", "timeout": "300ms"}
        request = {"kind": "exchange", "interval": "300ms", "timeout": "300ms", "steps": [
            {"send": "HEAD / HTTP/1.0\\r\\n\\r\\n"}, {"find": "200 OK"}]}
        # The server, its port, its program, and the kinds of probes that are good for it.
        self.targets = {
            "nginx http": (web_port, self.nginx, [{"kind": "http"}, {"kind": "tcp"}, request]),
            "nginx stream": (stream_port, self.nginx, [{"kind": "tcp"}, {"kind": "tcp", "close": "fin"}, {
                **exchange, "steps": [{"find": "\\n"}]}]),
            "haproxy": (proxy_port, self.haproxy, [{"kind": "http"}, {"kind": "tcp"}, request]),
            "python": (self.backend.port, None, [{"kind": "none"}] * 3)}
        envoy_port = free_port()
        relay = envoy("envoy-out", [(envoy_port, True, self.backend.port, "V2")])
        if relay:
            self.targets["envoy"] = (envoy_port, relay, [{"kind": "tcp"}, {"kind": "tcp"}, {"kind": "tcp", "close": "fin"}])
        self.mail()
        self.postfix()
        listeners, pools = {}, {}
        for target, (port, _, checks) in self.targets.items():
            for number, (form, settings) in enumerate(FORMS.items()):
                # OpenSMTPD reads version 2 alone.
                if target == "opensmtpd" and form == "v1":
                    continue
                key = f"{target}-{form}".replace(" ", "-")
                listen, path = free_port(), work / f"{number}{len(pools)}.sock"
                self.port[target, form], self.path[target, form] = listen, path
                check = {"interval": "300ms", "timeout": "300ms", **checks[number]}
                if check["kind"] == "none":
                    check = {"kind": "none"}
                listeners[key] = {
                    "bind": [f"127.0.0.1:{listen}", *([f"[::1]:{listen}"] if has_ipv6 else []), {"unix": str(path)}], "pool": key}
                pools[key] = {"backends": f"127.0.0.1:{port}", "proxy_protocol": settings, "check": check}
        if "postfix" in self.targets:
            pools["probe-v1-postfix"] = {
                "backends": f"127.0.0.1:{self.targets['postfix'][0]}", "proxy_protocol": "v1", "check": self.greeting}
            listeners["probe-v1-postfix"] = {"bind": f"127.0.0.1:{free_port()}", "pool": "probe-v1-postfix"}
        for program in {id(each[1]): each[1] for each in self.targets.values() if each[1]}.values():
            program.begin()
        # Several threads cannot share a Unix socket.
        self.balancer = Balancer("balancer-out", listeners, pools, threads=1)
        self.pools = pools

    greeting = {"kind": "exchange", "interval": "300ms", "timeout": "300ms", "steps": [
        {"expect": "220"}, {"find": "\\r\\n"}, {"send": "QUIT\\r\\n"}, {"expect": "221"}]}

    def mail(self):
        if os.geteuid() != 0 or not shutil.which("smtpd"):
            return
        port = free_port()
        path = work / "smtpd.conf"
        path.write_text(
            f'listen on 127.0.0.1 port {port} proxy-v2\naction "local" mbox\nmatch for local action "local"\n')
        program = Program("opensmtpd", ["smtpd", "-d", "-v", "-f", path], [port])
        self.targets["opensmtpd"] = (port, program, [None, self.greeting, self.greeting])

    def postfix(self):
        root = os.environ.get("POSTFIX", "")
        daemons = f"{root}/usr/lib/postfix/sbin"
        if os.geteuid() != 0 or not os.path.exists(f"{daemons}/master"):
            return
        # Unpacked it may lack a library of another package.
        libraries = subprocess.run(["ldd", f"{daemons}/master", f"{daemons}/smtpd"], capture_output=True, text=True, env={
            **os.environ, "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"})
        if "not found" in libraries.stdout:
            return
        port, folder = free_port(), work / "postfix"
        users = [each.pw_name for each in pwd.getpwall()]
        for each in ["conf", "data", "spool/public", "spool/private", "spool/pid", "spool/maildrop", "spool/incoming"]:
            (folder / each).mkdir(parents=True)
        owner = "postfix" if "postfix" in users else "daemon"
        for each in ["data", "spool/public", "spool/private", "spool/incoming"]:
            shutil.chown(folder / each, owner)
        (folder / "conf/main.cf").write_text(f"""compatibility_level = 3.6
config_directory = {folder}/conf
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
mail_owner = {owner}
setgid_group = {"postdrop" if "postfix" in users else "mail"}
default_privs = nobody
import_environment = MAIL_CONFIG LD_LIBRARY_PATH MAIL_LOGTAG
inet_interfaces = 127.0.0.1
maillog_file = /dev/stdout
smtpd_peername_lookup = no
myhostname = mail.example.org
mydestination = localhost
alias_maps =
alias_database =
smtpd_upstream_proxy_protocol = haproxy
""")
        (folder / "conf/master.cf").write_text(f"""127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
""")
        # It ends those that it has started by its process group.
        program = Program("postfix", [f"{daemons}/master", "-c", folder / "conf", "-s", "-d"], [port], {
            "MAIL_CONFIG": str(folder / "conf"), "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"}, own_group=True)
        self.targets["postfix"] = (port, program, [{"kind": "none"}, self.greeting, self.greeting])

    def asks(self, target, form, client):
        """What the server says of the client: its two addresses."""
        if target in ("nginx http", "haproxy"):
            return web(client)
        if target == "nginx stream":
            return answer(client, None)
        if target in ("python", "envoy"):
            return known(client)

    def tells(self, target, form, kind):
        """The server is told who the client is, and which address it came to."""
        if kind == "IPv6" and not has_ipv6:
            raise Skip("no IPv6 here")
        if (target, form, kind) == ("postfix", "v1", "Unix"):
            raise Skip("it does not know UNKNOWN, and version 1 has nothing else for that")
        before = len(self.targets[target][1].lines()) if self.targets[target][1] else 0
        client = connect(self.path[target, form]) if kind == "Unix" else connect(
            self.port[target, form], "::1" if kind == "IPv6" else CLIENT)
        with client:
            name = name_of(client)
            wanted = None if kind == "Unix" else (
                f"{name_of(client, ' ')} {'::1' if kind == 'IPv6' else '127.0.0.1'} {self.port[target, form]}")
            if target in ("opensmtpd", "postfix"):
                return self.mails(target, client, wanted, before)
            found = self.asks(target, form, client)
        line = self.balancer.logged(
            name, f"{target}-{form}".replace(" ", "-"), reason="finished") if kind != "Unix" else None
        if target == "python":
            self.fields(found, form, wanted, line)
        elif target == "envoy":
            # Without an address in the header it tells on the connection's.
            if wanted:
                expect("the addresses", f"{found['source']} {found['destination']}", wanted)
            else:
                assert found["source"].startswith("127.0.0.1 "), found
        elif target == "haproxy":
            addresses, _, fields = found.partition(" id=")
            if wanted:
                expect("the addresses", addresses, wanted)
                expect("the id and the name", fields, f"{line['id'] if 'all' in form else ''} name=")
            else:
                # Without an address in the header HAProxy has the connection's.
                assert addresses.startswith("127.0.0.1 "), addresses
        else:
            expect("the addresses", found, wanted or "")

    def fields(self, found, form, wanted, line):
        if wanted:
            expect("the addresses", f"{found['source']} {found['destination']}", wanted)
        else:
            expect("the family", found["family"], "UNKNOWN" if form == "v1" else 0)
        if "all" in form:
            expect("the checksum", found["checksum"], "right")
            if line:
                expect("the id", found["unique_id"], line["id"])

    def mails(self, target, client, wanted, before):
        """The mail server speaks first, and its log has the client's address, in a line that was not there before."""
        program = self.targets[target][1]
        greeting = answer(client, None)
        assert greeting.startswith("220 "), greeting
        expect("the last word", answer(client, b"QUIT\r\n")[:3], "221")
        host = wanted.split(" ")[0] if wanted else "127.0.0.1"
        pattern = re.compile({
            "opensmtpd": rf"smtp connected address=\[?(IPv6:)?{re.escape(host)}\]?( |$)",
            "postfix": rf"smtpd\[\d+\]: (dis)?connect from \S*\[{re.escape(host)}\]"}[target])
        eventually(f"the log has {host}: {program.lines()[-3:]}", lambda: any(map(pattern.search, program.lines()[before:])), 5)

    def probed(self, pool):
        """It is probed several times, and each probe is good."""
        def good():
            checks = self.balancer.events("backend-check", pool=pool)
            bad = [each["cause"] for each in checks if "cause" in each]
            assert not bad, f"{pool}: {bad[0]}"
            return len(checks) >= 4
        eventually(f"4 probes of {pool}", good)

    def probes(self, target):
        """Each of its pools is probed; nothing of that is in its log."""
        program = self.targets[target][1]
        for pool, settings in self.pools.items():
            if pool.startswith(target.replace(" ", "-") + "-") and settings["check"]["kind"] != "none":
                self.probed(pool)
        if program:
            # Those about probes in version 1 are a situation of their own.
            found = [line for line in program.lines()
                     if COMPLAINTS.search(line) and not line.endswith("type: PROXY UNKNOWN\\r\\n")]
            assert not found, f"{len(found)} lines, the first: {found[0][:200]}"

    def run(self):
        # The probes first: clients that end in their own ways come after them.
        for target in self.targets:
            if self.targets[target][1]:
                kinds = "/".join(sorted({each["kind"] for each in self.targets[target][2] if each}))
                situation(f"{target}: probes ({kinds}) leave no complaint", self.probes, target)
        # A probe of version 1 with UNKNOWN is refused; HAProxy's has the addresses of its own connection.
        if "postfix" in self.targets:
            situation("postfix: probes in v1 are good", self.probed, "probe-v1-postfix")
        for target in self.targets:
            for form in FORMS:
                for kind in ["IPv4", "IPv6", "Unix"]:
                    if (target, form) in self.port:
                        situation(f"{target}: {form}, client of {kind}", self.tells, target, form, kind)
        situation("python: every header was well formed", lambda: expect("faults", self.backend.faults, []))
        for name in ["opensmtpd", "postfix", "envoy"]:
            if name not in self.targets:
                situation(name, skip, "not installed, or not root" if name != "envoy" else "no envoy here")
        for program in [self.balancer, *(each[1] for each in self.targets.values() if each[1])]:
            program.stop()
