"""A balancer with three pools, nine backends and many clients, for pictures of the page."""
import json, math, random, socket, threading, time, urllib.request
from scene import TOKEN, Echo, Scene, free_port

POOLS = {
    "web": ("least-connections", ["b1", "b2", "b3", "b4", "b5"], 20, 3, 60_000),
    "mail": ("round-robin", ["mail1", "mail2"], 2, 10, 20_000),
    "orders-db": ("first", ["db1", "db2"], 2, 20, 50_000)}


class Server(Echo):
    """Answers each message with as many bytes as it asks for."""

    def serve(self, side):
        try:
            with side:
                while part := side.recv(65536):
                    time.sleep(random.uniform(0.01, 0.2))
                    side.sendall(b"x" * int(part.split(b" ", 1)[0]))
        except (OSError, ValueError):
            pass


class Lively(Scene):
    """Each pool has a listener, and clients that come at a rate which goes up and down."""

    def __init__(self, program):
        super().__init__(program)
        self.servers = {name: Server() for _, names, *_ in POOLS.values() for name in names}
        self.ports, self.over = {pool: free_port() for pool in POOLS}, threading.Event()

    def start(self):
        super().start()
        for pool, (_, _, rate, seconds, size) in POOLS.items():
            threading.Thread(target=self.arrive, args=[self.ports[pool], rate, seconds, size], daemon=True).start()

    def configuration(self):
        listeners = "\n".join(f'  {pool.split("-")[0]}: {{bind: "127.0.0.1:{port}", pool: {pool}}}'
                              for pool, port in self.ports.items())
        pools = "\n".join(f"  {pool}:\n    policy: {policy}\n    check: {{interval: 500ms, timeout: 400ms, fall: 3}}\n"
                          f"    backends: [{', '.join(self.backend_line(name) for name in names)}]"
                          for pool, (policy, names, *_) in POOLS.items())
        return f"process: {{threads: 2}}\nlisteners:\n{listeners}\npools:\n{pools}"

    def backend_line(self, name):
        more = {"db2": ", backup: true", "b3": ", weight: 2", "mail1": ", sessions_max: 200"}.get(name, "")
        return f'{{name: {name}, address: "127.0.0.1:{self.servers[name].port}"{more}}}'

    def arrive(self, port, rate, seconds, size):
        number = 0
        while not self.over.wait(random.expovariate(rate * (1 + 0.35 * math.sin(time.monotonic() / 9 + port)))):
            number += 1
            # Some are slow and ask for much: those stall.
            slow = number % 40 == 0
            threading.Thread(target=self.visit, args=[port, seconds, 2_000_000 if slow else size, slow], daemon=True).start()

    def visit(self, port, seconds, size, slow):
        end = time.monotonic() + random.expovariate(1 / seconds)
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as side:
                side.settimeout(10)
                while time.monotonic() < end and not self.over.wait(random.uniform(0.2, 0.8)):
                    wanted = int(random.expovariate(1 / size)) + 1
                    side.sendall(f"{wanted} ".encode().ljust(random.randrange(300, 2500)))
                    if slow:
                        time.sleep(1)
                    while wanted > 0 and (part := side.recv(65536)):
                        wanted -= len(part)
        except OSError:
            pass

    def drain(self, pool, backend, seconds):
        request = urllib.request.Request(
            f"{self.url}v1/pools/{pool}/backends/{backend}/state", json.dumps({"state": "drain", "for_seconds": seconds}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
        urllib.request.urlopen(request, timeout=5).close()

    def stop(self):
        self.over.set()
        super().stop()
