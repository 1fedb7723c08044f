"""A worker's child that decodes and encodes sounds: `python -m webpbx.media.sound_process DESCRIPTOR`.

Decoding in a thread would take the interpreter lock from the loop at every packet, and a hostile file could take the
worker with it; here it ends a process without calls. Requests are JSON lines, answers see `pack`.
"""

import contextlib
import json
import os
import resource
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from webpbx.media.errors import MediaError
from webpbx.media.sounds import Sound, load_sound
from webpbx.media.tones import tone

MEMORY = 2 << 30  # bytes of address space
NICENESS = 5
SIZES = struct.Struct("!II")  # bytes of header, bytes of payloads


def pack(header: dict[str, Any], payloads: tuple[bytes, ...] = ()) -> bytes:
    """Pack an answer: both sizes, a JSON header with each payload's size, the payloads."""
    text = json.dumps({**header, "sizes": [len(payload) for payload in payloads]}).encode()
    body = b"".join(payloads)
    return SIZES.pack(len(text), len(body)) + text + body


def unpack(header: dict[str, Any], body: bytes) -> Sound:
    """Make the sound again of what `pack` packed."""
    payloads = []
    at = 0
    for size in header["sizes"]:
        payloads.append(body[at : at + size])
        at += size
    return Sound(header["codec"], tuple(payloads), header["samples"])


def answer(line: bytes) -> bytes:
    """Do what one request asks."""
    request = json.loads(line)
    try:
        if request["kind"] == "tone":
            sound = tone(request["name"], request["country"], request["codec"])
        else:
            sound = load_sound(Path(request["name"]), request["codec"])
    except MediaError as error:
        return pack({"key": request["key"], "error_id": error.error_id, "text": error.text})
    header = {"key": request["key"], "codec": sound.codec, "samples": sound.samples_per_frame}
    return pack(header, sound.payloads)


def main(descriptor: int) -> None:
    """Answer requests until the worker closes its end."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(NICENESS)
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as lines:
        for line in lines:
            connection.sendall(answer(line))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        main(int(sys.argv[1]))
