"""What clients see of the rules and limits of listeners."""
import time

from support import (
    answer, attempt, Backend, Balancer, CLIENT, connect, DEADLINE, eventually, expect, free_port, name_of, OTHER, QUIET, run,
    situation)


class Limits:
    """What clients see of the rules of listeners, in a balancer of two threads."""

    def __init__(self):
        backend = Backend(has_header=False)
        rules = {
            "reset": {"allow": "127.0.0.0/24", "deny": [CLIENT]}, "close": {"deny": [CLIENT], "denied": "close"},
            "network": {"allow": ["127.0.1.0/24", "127.0.0.1"]},
            "sessions": {"limits": {"per_client": {"sessions": 2}}},
            "wait": {"limits": {"per_client": {"sessions": 2, "over": "wait", "timeout": "1s"}}},
            "client-rate": {"limits": {"per_client": {"rate": "5/s"}}},
            "client-rate-wait": {"limits": {"per_client": {"sessions": 50, "rate": "5/s", "over": "wait"}}},
            "networks": {"limits": {"per_client": {"sessions": 2, "prefix4": 24}}},
            "rate": {"limits": {"rate": "10/s"}}}
        self.port = {name: free_port() for name in rules}
        self.balancer = Balancer("balancer-limits", {
            name: {"bind": f"127.0.0.1:{self.port[name]}", "pool": "web", **more} for name, more in rules.items()}, {
            "web": {"backends": f"127.0.0.1:{backend.port}", "check": {"kind": "none"}}})

    def served(self, client):
        return answer(client).startswith("{")

    def denied(self, listener, source, wanted):
        """As seen by a client that only reads, and by curl."""
        data = b"hello\n" if wanted == "served" else None
        found = {attempt(self.port[listener], source, data) for _ in range(5)}
        expect("a client that reads", {"served" if each.startswith("{") else each for each in found}, {wanted})

    def curl(self, listener):
        """What curl says: its exit code is another one for each."""
        done = run(["curl", "-sS", "--max-time", "5", "--interface", CLIENT, f"http://127.0.0.1:{self.port[listener]}/"])
        assert done.returncode in ((7, 56) if listener == "reset" else (52, 56)), (done.returncode, done.stderr)
        return done.stderr.strip()

    def event(self, kind, listener):
        eventually(f"the event {kind}", lambda: self.balancer.events(kind, listener=listener), 5)

    def sessions(self, listener, others):
        """The third of a client is closed; another client is served; when one has left, the next is served."""
        seen = set()
        for _ in range(5):
            clients = self.hold(listener, 2)
            found = attempt(self.port[listener], data=None)
            assert found in ("closed", "reset"), found
            seen.add(found)
            assert attempt(self.port[listener], others).startswith("{"), "another client"
            clients.pop().close()
            clients += self.hold(listener, 1)
            for each in clients:
                each.close()
        self.event("listener-over-limit", listener)
        return ", ".join(seen)

    def hold(self, listener, count):
        """So many clients that are served, as soon as those that have left are forgotten."""
        def held():
            clients = []
            try:
                clients += [connect(self.port[listener]) for _ in range(count)]
                if all([self.served(each) for each in clients]):
                    return clients
            except ConnectionResetError:
                pass
            for each in clients:
                each.close()
            return None
        return eventually(f"{count} are served", held, 5)

    def wait(self):
        clients = self.hold("wait", 2)
        third = connect(self.port["wait"])
        third.sendall(b"hello\n")
        third.settimeout(QUIET)
        try:
            raise AssertionError(f"the third does not wait: {third.recv(100)}")
        except TimeoutError:
            pass
        assert attempt(self.port["wait"], OTHER).startswith("{"), "another client"
        third.settimeout(DEADLINE)
        clients.pop().close()
        assert answer(third, None).startswith("{"), "the third is not served when one has left"
        for each in [*clients, third]:
            each.close()

    def wait_timeout(self):
        clients = self.hold("wait", 2)
        begun = time.monotonic()
        with connect(self.port["wait"]) as third:
            found, at = answer(third, None), name_of(third)
        seconds = time.monotonic() - begun
        assert found in ("closed", "reset") and 0.8 < seconds < 3, (found, seconds)
        for each in clients:
            each.close()
        self.balancer.logged(at, "wait", reason="client-limit")
        return f"{found} after {seconds:.1f} s"

    def client_rate(self):
        """At once as many as in a second; the others are closed; another client is served."""
        found = []
        begun = time.monotonic()
        for _ in range(20):
            found.append(attempt(self.port["client-rate"]))
        seconds = time.monotonic() - begun
        count = sum(each.startswith("{") for each in found)
        assert 5 <= count <= 6 + 5 * seconds, found
        assert attempt(self.port["client-rate"], OTHER).startswith("{"), "another client"
        eventually("after a while it is served again", lambda: attempt(self.port["client-rate"]).startswith("{"), 2)
        self.event("listener-over-limit", "client-rate")
        return f"{count} of 20, others: {', '.join({each for each in found if each in ('reset', 'closed')})}"

    def rate_wait(self, listener, count, at_least):
        """All are served, not sooner than the rate lets them."""
        begun = time.monotonic()
        clients = [connect(self.port[listener]) for _ in range(count)]
        for each in clients:
            each.sendall(b"hello\n")
        assert all(answer(each, None).startswith("{") for each in clients), "some are not served"
        seconds = time.monotonic() - begun
        for each in clients:
            each.close()
        assert at_least * 0.8 < seconds < at_least * 2 + 1, f"{count} in {seconds:.1f} s"
        return f"{count} in {seconds:.1f} s"

    def run(self):
        situation("denied: reset", self.denied, "reset", CLIENT, "reset")
        situation("denied: reset, as curl sees it", self.curl, "reset")
        situation("denied: close", self.denied, "close", CLIENT, "closed")
        situation("denied: close, as curl sees it", self.curl, "close")
        situation("not denied", self.denied, "reset", OTHER, "served")
        situation("not allowed", self.denied, "network", CLIENT, "reset")
        situation("allowed by its network", self.denied, "network", "127.0.1.7", "served")
        situation("events of the denied", self.event, "listener-denies", "reset")
        situation("per client: sessions, close", self.sessions, "sessions", OTHER)
        situation("per client: sessions of a network, close", self.sessions, "networks", "127.0.1.7")
        situation("per client: sessions, wait", self.wait)
        situation("per client: sessions, wait, timeout", self.wait_timeout)
        situation("per client: rate, close", self.client_rate)
        situation("per client: rate, wait", self.rate_wait, "client-rate-wait", 12, 1.4)
        situation("listener: rate", self.rate_wait, "rate", 30, 2)
        situation("event of the listener's rate", self.event, "listener-rate", "rate")
        situation("it drains at once, without a session", self.drains)
        self.balancer.stop()

    def drains(self):
        self.balancer.process.terminate()
        expect("the exit code", self.balancer.process.wait(DEADLINE), 0)
        expect("sessions cut", self.balancer.events("process-stopped")[0]["sessions_cut"], 0)
