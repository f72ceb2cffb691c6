#!/usr/bin/env python3
"""Clients, servers and service managers for tests of the balancer.

tcp.py echo PORT [PORT ...]              servers on loopback that echo what they receive, until SIGTERM
tcp.py relay HOST PORT                   sends one byte and prints it when it has come back
tcp.py session HOST PORT                 sends a byte for each line of its input and prints what comes back; `q` ends it
tcp.py stream HOST PORT                  one connection after the other, with a byte there and back, until SIGTERM; then
                                         prints how many, and exits with 1 if one of them failed
tcp.py bulk HOST PORT                    64 MiB there and back in one connection
tcp.py notified PATH                     prints what is sent to the notification socket PATH (sd_notify(3))
tcp.py hold PORT NAME COMMAND [ARG ...]  listens as systemd does for a socket unit: passes the socket NAME to COMMAND and
                                         starts COMMAND again when it has ended, until SIGTERM
"""
import os
import signal
import socket
import sys
import threading
import time

ANSWER_SECONDS = 30.0     # seconds to wait for one answer: longer than a restart takes
PAUSE = 0.005       # seconds between two connections of `stream`
BULK = 64 << 20


def serve(connection):
    try:
        while data := connection.recv(65536):
            connection.sendall(data)
    except OSError:
        pass
    connection.close()


def echo(*ports):
    for port in ports:
        listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
    signal.pause()


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def connect(host, port):
    return socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS)


def exchange(connection, data=b"x"):
    connection.sendall(data)
    answer = connection.recv(len(data))
    if answer != data:
        raise OSError(f"{data!r} was sent and {answer!r} came back")
    return answer


def relay(host, port):
    with connect(host, port) as connection:
        print(exchange(connection).decode())


def session(host, port):
    with connect(host, port) as connection:
        print(exchange(connection).decode(), flush=True)
        for line in sys.stdin:
            if line.strip() == "q":
                break
            print(exchange(connection).decode(), flush=True)


def stream(host, port):
    # Not a threading.Event, whose lock may be held when the handler runs.
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    served, failures, longest = 0, [], 0.0
    while not ended:
        begin = time.monotonic()
        try:
            with connect(host, port) as connection:
                exchange(connection)
            served += 1
        except OSError as error:
            failures.append(str(error))
        longest = max(longest, time.monotonic() - begin)
        time.sleep(PAUSE)
    print(f"{served} connections served, {len(failures)} failed, the longest took {longest:.1f} s", *failures[:3], sep="; ")
    sys.exit(1 if failures or not served else 0)


def bulk(host, port):
    with connect(host, port) as connection:
        def send():
            block = bytes(1 << 16)
            for _ in range(BULK // len(block)):
                connection.sendall(block)
            connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=send, daemon=True).start()
        received = 0
        while data := connection.recv(1 << 20):
            received += len(data)
    if received != BULK:
        sys.exit(f"{BULK} bytes were sent and {received} came back")
    print(received)


def notified(path):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    while True:
        print(receiver.recv(4096).decode(), flush=True)


def hold(port, name, *command):
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.dup2(listener.fileno(), 3)
            if listener.fileno() == 3:
                os.set_inheritable(3, True)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=name)
            os.execvp(command[0], command)
        print(f"started {process}", flush=True)
        try:
            print(f"ended with {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}", flush=True)
        except SystemExit:
            os.kill(process, signal.SIGKILL)
            raise


if __name__ == "__main__":
    commands = {f.__name__: f for f in (echo, relay, session, stream, bulk, notified, hold)}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        sys.exit(f"tcp.py {sys.argv[1]}: {error}")
