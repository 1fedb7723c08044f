"""A small real program that answers and takes signals as the switch, a media worker or the outside world do.

What it does besides is told by a file DATA/<name>.does, where the first word is one of
`refuses` (ends with code 2), `dies` (ends at once), `hangs` (never answers again),
`talks` (has a call: drains until the file goes).
"""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


class Process:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind == "switch":
            self.data, self.name = Path(option("--data")), "switch"
        else:
            path = Path(option("--socket" if kind == "worker" else "--control"))
            self.data, self.name = path.parent.parent, path.stem
        self.draining = 0
        signal.signal(signal.SIGTERM, self.on_sigterm)
        with (self.data / f"{self.name}.starts").open("a") as starts:
            starts.write(f"{os.getpid()} {time.monotonic()}\n")

    def does(self) -> str:
        try:
            return (self.data / f"{self.name}.does").read_text()
        except FileNotFoundError:
            return ""

    def on_sigterm(self, *_: object) -> None:
        self.draining += 1

    def over(self) -> bool:
        return self.draining > 1 or (self.draining == 1 and self.does() != "talks")

    def serve(self) -> int:
        if self.does() == "refuses":
            print("webpbx: The port 5060 is in use by a telephone. Choose another with --sip.", file=sys.stderr)
            return 2
        if self.does() == "dies":
            print("there is no sound card", file=sys.stderr)
            return 1
        path = self.data / "run" / f"{self.name}.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(0.02)
            print(f"{self.name} is up", file=sys.stderr)
            while not self.over():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    if self.does() == "hangs":
                        time.sleep(60)
                    self.answer(connection)
        print(f"{self.name} ends", file=sys.stderr)
        return 0

    def answer(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        status: dict[str, object] = {"draining": self.draining > 0, "pid": os.getpid()}
        if self.kind == "worker":
            connection.recv(4096)
            body = json.dumps({"id": 1, "ok": status}).encode()
            connection.sendall(len(body).to_bytes(4, "big") + body)
        else:
            request = connection.recv(4096)
            if self.kind == "switch":
                status |= {"ready": True, "url": "http://" + option("--http"), "link": "http://example/#link=once"}
            body = json.dumps(status).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            if request:
                connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)


if __name__ == "__main__":
    sys.exit(Process(sys.argv[1]).serve())
