"""A call's messages for people: what each one is in a word, and all of them as a ladder in plain text."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from webpbx.sip.trace import Attempt, Recording, TracedMessage
from webpbx.sip.trace_mask import mask_numbers, mask_secrets

US: Final = "webpbx"
_WIDTH: Final = 100
_LEFT: Final = 15  # columns for number and time
_MOST_LANES: Final = 5
_MOST_BEFORE: Final = 2  # of these, left of us
_CSEQ: Final = re.compile(r"(?im)^cseq[ \t]*:[ \t]*(\d{1,10})[ \t]+([\w.!%*+`'~-]{1,32})")
_SDP: Final = re.compile(r"(?im)^(?:content-type|c)[ \t]*:[ \t]*application/sdp\b")
_REASON: Final = re.compile(r"(?im)^(?:reason|warning)[ \t]*:[ \t]*([^\r\n]{1,200})")
_UNPRINTABLE: Final = re.compile(
    r"[^\t\n\x20-\x7e\xa1-\u200a\u2010-\u2027\u2030-\u2065\u2070-\ud7ff\uf900-\ufffd\U00010000-\U0001fffd]"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message is, as far as can be told from any bytes."""

    label: str
    """INVITE, or 180 Ringing."""
    method: str
    """Of a response: what it answers."""
    status: int | None
    cseq: int | None
    sdp: bool
    why: str
    """What a Reason or Warning header says."""
    text: str


def read(message: TracedMessage) -> Reading:
    """Read a message for showing: its secrets are masked, what a terminal would obey is written out."""
    text = plain(_decoded(mask_secrets(message.data)))
    first, _, _ = text.partition("\n")
    head, _, body = text.partition("\n\n")
    cseq = _CSEQ.search(head)
    words = first.split(" ", 2)
    status = int(words[1]) if words[0] == "SIP/2.0" and len(words) > 1 and re.fullmatch("[0-9]{3}", words[1]) else None
    reason = _REASON.search(head)
    return Reading(
        label=first[8:68].strip() if status is not None else words[0][:20],
        method=cseq[2] if cseq is not None else words[0][:20],
        status=status,
        cseq=int(cseq[1]) if cseq is not None else None,
        sdp=_SDP.search(head) is not None and body.strip() != "",
        why=reason[1].strip() if reason is not None else "",
        text=text,
    )


def plain(text: str) -> str:
    """Write out what a terminal or a page would obey instead of show: escapes, other control and direction signs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def far_end(message: TracedMessage) -> str:
    """Name the other side's address."""
    host, port = message.remote
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def render(recording: Recording, *, title: str, names: Mapping[str, str] | None = None, numbers: bool = False) -> str:
    """Draw a call's ladder, then give each message in full; fits a terminal of 100 columns but for long headers.

    `names` are those of legs. Without `numbers`, telephone numbers are masked: the text may leave the house.
    """
    lines = [title, ""]
    messages = recording.messages
    if not messages:
        return "\n".join([*lines, "No SIP message is kept of it.", ""])
    readings = [read(message) for message in messages]
    lines += _ladder(messages, readings, recording.legs, names or {})
    if recording.left_out:
        lines += ["", f"{recording.left_out} further messages were not kept."]
    for number, (message, reading) in enumerate(zip(messages, readings, strict=True), 1):
        lines += ["", _heading(number, message, messages[0].at_ms), reading.text.rstrip("\n")]
    text = "\n".join(lines) + "\n"
    return text if numbers else mask_numbers(text)


def render_attempt(attempt: Attempt, *, numbers: bool = False) -> str:
    """Draw a refused request's ladder with its messages in full."""
    first = attempt.messages[0]
    title = (
        f"{time_of_day(first.at_ms)}  {'to' if first.sent else 'from'} {far_end(first)}: refused with {attempt.status}"
    )
    return render(Recording(attempt.messages), title=title, numbers=numbers)


def one_line(message: TracedMessage, *, numbers: bool = False) -> str:
    """Say a message in one line."""
    reading = read(message)
    start = reading.text.partition("\n")[0][:120] if reading.status is None else f"{reading.label} ({reading.method})"
    way = "->" if message.sent else "<-"
    line = (
        f"{time_of_day(message.at_ms)} {way} {far_end(message)} {message.transport}  {start}  {plain(message.call_id)}"
    )
    return line if numbers else mask_numbers(line)


def time_of_day(at_ms: int) -> str:
    """Write a moment as hours, minutes, seconds and milliseconds of this machine's time."""
    return f"{time.strftime('%H:%M:%S', time.localtime(at_ms // 1000))}.{at_ms % 1000:03}"


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _heading(number: int, message: TracedMessage, begun_ms: int) -> str:
    ends = (US, far_end(message)) if message.sent else (far_end(message), US)
    again = f", {message.repeats + 1} times" if message.repeats else ""
    size = f"{message.transport}, {len(message.data)} bytes{again}"
    since = (message.at_ms - begun_ms) / 1000
    return f"--- {number}  {time_of_day(message.at_ms)} (+{since:.3f} s)  {ends[0]} -> {ends[1]}  {size}"


# -- the ladder ------------------------------------------------------------------------------------------------


def _ladder(
    messages: Sequence[TracedMessage], readings: Sequence[Reading], legs: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[str]:
    before, after = _sides(messages)
    shown_before, shown_after = before[:_MOST_BEFORE], after[: _MOST_LANES - 1 - min(len(before), _MOST_BEFORE)]
    lanes = [*shown_before, None, *shown_after]
    step = (_WIDTH - _LEFT) // len(lanes)
    at = [_LEFT + step // 2 + step * number for number in range(len(lanes))]
    here = at[len(shown_before)]
    place = {lane: at[min(number, len(shown_before) - 1)] for number, lane in enumerate(before)}
    for number, lane in enumerate(after):
        place[lane] = at[min(len(shown_before) + 1 + number, len(at) - 1)]
    yield _centred([US if lane is None else lane[1] for lane in lanes], at, step)
    parties = ["" if lane is None else names.get(legs.get(lane[0], ""), "") for lane in lanes]
    if any(parties):
        yield _centred([plain(party) for party in parties], at, step)
    if len(lanes) <= len(before) + len(after):
        yield " " * _LEFT + "(some far ends share a column)"
    yield _rails(at)
    for number, (message, reading) in enumerate(zip(messages, readings, strict=True), 1):
        again = f" x{message.repeats + 1}" if message.repeats else ""
        label = reading.label + (" (SDP)" if reading.sdp else "") + again
        far = place[message.call_id, far_end(message)]
        begin, end = (here, far) if message.sent else (far, here)
        margin = f"{number:>3} {f'+{(message.at_ms - messages[0].at_ms) / 1000:.3f}':>9} "
        yield margin + _arrow(_rails(at), begin, end, label)[len(margin) :]


def _sides(messages: Sequence[TracedMessage]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Give the far ends, by Call-ID and address: of who called us, and of whom we called."""
    calls: dict[str, list[tuple[str, str]]] = {}
    ours: set[str] = set()
    for message in messages:
        if message.call_id not in calls and message.sent:
            ours.add(message.call_id)
        lanes = calls.setdefault(message.call_id, [])
        if (message.call_id, far_end(message)) not in lanes:
            lanes.append((message.call_id, far_end(message)))
    before = [lane for call_id, lanes in calls.items() if call_id not in ours for lane in lanes]
    return before, [lane for call_id, lanes in calls.items() if call_id in ours for lane in lanes]


def _centred(words: Sequence[str], at: Sequence[int], step: int) -> str:
    line = " " * _WIDTH
    for word, middle in zip(words, at, strict=True):
        shown = word if len(word) < step else word[: step - 2] + "…"
        start = middle - len(shown) // 2
        line = line[:start] + shown + line[start + len(shown) :]
    return line.rstrip()


def _rails(at: Sequence[int]) -> str:
    return "".join("|" if column in at else " " for column in range(at[-1] + 1))


def _arrow(line: str, start: int, end: int, label: str) -> str:
    """Draw an arrow with its label over the rails."""
    low, high = min(start, end), max(start, end)
    room = high - low - 1
    if room < 1:  # a call of ours to ourselves, or one of the lanes that were put together
        return line
    shown = label if len(label) <= room - 3 else label[: max(0, room - 4)] + "…"
    shaft = shown.center(room - 1, "-")
    body = shaft + ">" if end > start else "<" + shaft
    return line[: low + 1] + body + line[high:]
