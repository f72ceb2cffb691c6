"""What the page shows: two backends, clients and a balancer, all on loopback."""
import json, pathlib, shutil, socket, subprocess, tempfile, threading, urllib.request
from report import Skip, eventually

TOKEN = "a-token-for-this-test-only"


def free_port():
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


class Echo:
    """A backend that sends back what it gets. It can be down, and up again at the same port."""

    def __init__(self):
        self.port, self.listener, self.sides = free_port(), None, []
        self.up()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def down(self):
        # shutdown wakes the thread in accept; close alone would leave the port open.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self, listener):
        while True:
            try:
                side, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[side], daemon=True).start()

    def serve(self, side):
        try:
            with side:
                while part := side.recv(65536):
                    side.sendall(part)
        except OSError:
            pass


class Traffic(threading.Thread):
    """Short sessions and some that stay, so that curves have something to show."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over = port, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as side:
                    side.settimeout(1)
                    side.sendall(b"x" * 4000)
                    side.recv(65536)
            except OSError:
                pass

    def stop(self):
        self.over.set()
        self.join(5)


class Scene:
    """A balancer of this program with a configuration file."""
    pool, names, listener = "web", ["b1", "b2"], "front"
    is_ours = True

    def __init__(self, program):
        self.program, self.token = program.resolve(), TOKEN
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="page-test."))
        self.backends = [Echo(), Echo()]
        self.port, self.http, self.process, self.clients = free_port(), free_port(), None, []
        self.url = f"http://127.0.0.1:{self.http}/"

    def start(self):
        token_file = self.work / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.token + "\n")
        (self.work / "balancer.yaml").write_text(f"""{self.configuration()}
administration: {{socket: "{self.work}/admin.sock", http: "127.0.0.1:{self.http}", token_file: "{token_file}"}}
log: {{sessions: {{to: none}}, events: {{to: stderr, format: json}}}}
""")
        self.run()

    def configuration(self):
        rows = ", ".join(f'{{name: {name}, address: "127.0.0.1:{each.port}"}}' for name, each in zip(self.names, self.backends))
        # One loop, so that sessions go to the backends in turn.
        return f"""
process: {{threads: 1}}
listeners: {{{self.listener}: {{bind: "127.0.0.1:{self.port}", pool: {self.pool}}}}}
pools:
  {self.pool}:
    backends: [{rows}]
    check: {{interval: 200ms, timeout: 200ms, fall: 2, rise: 1}}"""

    def run(self):
        with open(self.work / "log", "ab") as output:
            self.process = subprocess.Popen([self.program, "run", self.work / "balancer.yaml"], stdout=output, stderr=output)
        eventually(lambda: (self.work / "log").read_text()[-2000:], self.answers)

    def answers(self):
        try:
            return self.status() is not None
        except OSError:
            return False

    def status(self):
        with urllib.request.urlopen(self.url + "v1/status", timeout=5) as answer:
            return json.load(answer)

    def backend(self, name):
        return next(each for pool in self.status()["pools"] if pool["name"] == self.pool for each in pool["backends"]
                    if each["name"] == name)

    def connect(self, count):
        """Sessions that stay, each of which has answered once."""
        fresh = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(count)]
        self.clients += fresh
        assert all(self.echoes(each) for each in fresh)
        return fresh

    @staticmethod
    def echoes(client):
        client.settimeout(5)
        client.sendall(b"hello")
        return client.recv(100) == b"hello"

    def disconnect(self):
        for each in self.clients:
            each.close()
        self.clients = []

    def end(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
            self.process = None

    def stop(self):
        self.disconnect()
        self.end()
        shutil.rmtree(self.work, ignore_errors=True)


class Elsewhere(Scene):
    """A balancer that runs already, of which nothing is known but where its page is."""
    is_ours = False

    def __init__(self, url, token):
        self.url, self.token, self.clients = url.rstrip("/") + "/", token, []

    def start(self):
        pool = max(self.status()["pools"], key=lambda each: len(each["backends"]))
        self.pool, self.names = pool["name"], [each["name"] for each in pool["backends"] if each["state"] == "up"][:2]
        self.listener = self.status()["listeners"][0]["name"]

    def connect(self, count):
        raise Skip("needs clients of its own")

    def stop(self):
        pass
