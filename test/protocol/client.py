"""A client for a-chat with Python's standard library. The numbers are the steps in section 8 of PROTOCOL.md.

    python3 client.py HOST PORT NAME

Each line of its input is a message, `bob, carol: hi`, or `?`, which prints who is present. It prints messages as
`from NAME: TEXT`, and the outcomes of its own as `LABEL NAME OUTCOME`. At the end of its input it leaves.
"""

import itertools
import os
import random
import select
import socket
import sys
import time
import unicodedata

IDLE = 30  # seconds
ACKNOWLEDGE_AFTER = 0.05  # seconds


class Refused(Exception):
    pass


class Line:
    """A line of the server (section 1). Params that the client does not know have no effect."""

    def __init__(self, line):
        head, _, text = line.partition(":")
        self.text = text[1:]
        self.mark, *params = head.split(" ")
        self.code = params.pop(0) if params else ""
        self.label = params.pop(0)[1:] if params and params[0].startswith("@") else None
        self.is_fatal = self.mark == "!" and params[-1:] == ["fatal"]
        self.values = dict(param.split("=", 1) for param in params if "=" in param)
        self.words = [param.rstrip(",") for param in params if "=" not in param]


def shown(name):
    """A name as params have it (section 1)."""
    name = unicodedata.normalize("NFC", name)
    return "".join(map(escaped, name[:32])) + ("…" if len(name) > 32 else "")


def escaped(character):
    category = unicodedata.category(character)
    if category[0] in "LM" or category == "Nd" or character in "_.-":
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())


class LineReader:
    """Cuts what comes from a file descriptor at LF, and at nothing else."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.rest = b""

    def lines(self):
        """The lines of one read; None at the end."""
        chunk = os.read(self.descriptor, 65536)
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [line.decode() for line in lines] if chunk else None


class Client:
    def __init__(self, address, login):
        self.address, self.login = address, login
        self.input = LineReader(0)
        self.labels = map("k{}".format, itertools.count(1))
        self.is_leaving = False

    def run(self):
        pause = 1
        while True:
            self.return_after, self.name = None, None
            try:
                self.converse()
                return
            except OSError as error:
                print(f"lost: {error}", flush=True)
            if self.name is not None:
                pause = 1
            if self.return_after is None:  # 7
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(30, 2 * pause)
            else:
                time.sleep(self.return_after)

    def converse(self):
        """One connection. Fails if it ends before the client leaves."""
        self.present, self.listed, self.open = set(), 0, {}
        self.is_acknowledging, self.received, self.acknowledged = False, 0, 0
        self.lines, self.unsent, self.gap, self.next = [], b"", 0, 0
        try:
            with socket.create_connection(self.address, timeout=IDLE) as connection:
                self.exchange(connection)
        finally:
            for label, names in self.open.items():
                print(label, *names, "unknown", flush=True)
        if not self.is_leaving:
            raise ConnectionError("the server has closed the connection")

    def exchange(self, connection):
        connection.setblocking(False)
        server, has_asked = LineReader(connection.fileno()), False
        self.send(self.login, "/hello ack", "/who")  # 1, 5
        while True:
            pause = self.prepare()
            is_behind = self.received > self.acknowledged
            wait = min(pause, ACKNOWLEDGE_AFTER if is_behind else IDLE)
            may_type = self.name is not None and not self.is_leaving and not self.unsent
            readers, writers = [connection] + [0] * may_type, [connection] * bool(self.unsent)
            readable, writable, _ = select.select(readers, writers, [], wait)
            if writable:
                self.unsent = self.unsent[connection.send(self.unsent) :]
            if 0 in readable:
                self.type(self.input.lines())
            if connection in readable:  # 2
                has_asked = False
                lines = server.lines()
                if lines is None:
                    return
                for line in lines:
                    self.take(line)
            elif is_behind:  # 4
                self.acknowledged = self.received
                self.send(f"/ack {self.received}")
            elif not readable and not writable and wait == IDLE:  # 6
                if has_asked:
                    raise ConnectionError("the server does not answer")
                self.send("/ping")
                has_asked = True

    def send(self, *lines):
        self.lines += lines

    def prepare(self):
        """Moves lines to the bytes to be sent: all, or one for each gap. Returns the time until the next."""
        now = time.monotonic()
        if self.lines and not self.unsent and now >= self.next:
            count = 1 if self.gap else len(self.lines)
            self.unsent = "".join(f"{line}\n" for line in self.lines[:count]).encode()
            self.lines, self.next = self.lines[count:], now + self.gap
        return max(0, self.next - now) if self.lines and not self.unsent else IDLE

    def type(self, lines):
        if lines is None:
            self.is_leaving = True
            self.send("/quit")  # 8
        for line in lines or []:
            if line == "?":
                print("present", *sorted(self.present), flush=True)
            else:
                label = next(self.labels)  # 3
                names = (name.strip() for name in line.partition(":")[0].split(","))
                self.open[label] = {shown(name) for name in names if name}
                self.send(f"@{label} {line}")

    def take(self, text):
        line = Line(text)
        if line.mark == "from":
            self.received += self.is_acknowledging
            print(text, flush=True)
        elif line.label in self.open:
            self.settle(line)
        elif line.code == "hello":
            self.name = line.values.get("name")
            self.is_acknowledging = "ack" in line.values.get("on", "").split("+")
            if self.name is None:
                self.lines = [self.login, "/hello ack", "/who"]
        elif line.code == "slow-down":
            self.gap = int(line.values["retry"]) / 1000
            self.next = time.monotonic() + self.gap
            if self.name is None:
                self.lines = ["/hello ack", "/who"]
        elif line.code == "who":
            if self.listed == 0:
                self.present = set()
            names = line.text.split(", ") if line.text else []
            self.present.update(names)
            self.listed = (self.listed + len(names)) % max(1, int(line.words[0]))
        elif line.code == "joined":
            self.present.update(line.words)
        elif line.code == "left":
            self.present.difference_update(line.words)
        elif line.mark == "*" and line.code == "closing":
            self.return_after = int(line.values["return"]) / 1000
        if line.is_fatal:
            if line.code != "login-in-use" and "retry" not in line.values:
                raise Refused(line.text)
            self.return_after = int(line.values["retry"]) / 1000 if "retry" in line.values else None

    def settle(self, line):
        waiting = self.open[line.label]
        if line.code in ("written", "received", "undelivered"):
            for name in line.words:
                print(line.label, name, line.values.get("reason", line.code), flush=True)
            waiting.difference_update(line.words)
        else:
            print(line.label, line.code, flush=True)  # a refusal of the whole line
            waiting.clear()
        if not waiting:
            del self.open[line.label]


if __name__ == "__main__":
    Client((sys.argv[1], int(sys.argv[2])), sys.argv[3]).run()
