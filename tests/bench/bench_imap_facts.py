"""How long it takes to say what IMAP tells of a message, and to thread a mailbox.

    python -m tests.bench.bench_imap_facts

Prints microseconds for each fact of two messages of 4 KB, then milliseconds for
threading 50,000 messages, and for its longest step, in which nobody else may run.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Collection

from mailapp.message.imap_facts import HeaderFields, Item, Kind, facts_of
from mailapp.message.linking import Node
from mailapp.message.threads import Row, Steps, ordered_subject, references

LIMIT = 60.0  # microseconds for ENVELOPE and BODYSTRUCTURE
REPEATS = 5
COUNT = 500
MESSAGES = 50_000
LINE = b"This is a line of the text of the message, and so on.\r\n"
TRACE = (
    b"Received: from mx.example.net (mx.example.net [192.0.2.1])\r\n"
    b"\tby mail.example.com with ESMTPS id 4XyZ1234\r\n"
    b"\tfor <user@example.com>; Mon, 23 Nov 2026 05:00:00 +0000\r\n"
)
HEADER = (
    b"Return-Path: <bounces+12345@lists.example.org>\r\n" + TRACE * 2 +
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s1;\r\n"
    b"\th=from:to:subject:date:message-id; b=" + b"abcdefgh" * 16 + b"\r\n"
    b'From: "Terry Gray" <gray@example.net>\r\n'
    b"To: John Klensin <klensin@example.com>, minutes@example.com\r\n"
    b"Cc: =?utf-8?q?Caf=C3=A9?= <cafe@example.org>\r\n"
    b"Subject: Re: [list] The minutes of the last meeting and a few words more\r\n"
    b"Date: Mon, 23 Nov 2026 05:00:00 +0000\r\n"
    b"Message-ID: <B27397-0100000@example.net>\r\n"
    b"In-Reply-To: <A27397-0100000@example.net>\r\n"
    b"References: <A27396-0100000@example.net>\r\n <A27397-0100000@example.net>\r\n"
    b"MIME-Version: 1.0\r\nList-Id: The list <list.example.org>\r\n"
)  # fmt: skip
PLAIN = HEADER + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + LINE * 50
BOUNDARY = b"----=_Part_123_456"
TYPE = b"Content-Type: multipart/alternative; boundary=" + BOUNDARY
PARTS = [
    b"\r\n--%b\r\nContent-Type: text/%b; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n%b"
    % (BOUNDARY, subtype, LINE * 20)
    for subtype in (b"plain", b"html")
]
MULTIPART = b"".join(
    [HEADER, TYPE, b"\r\n\r\n", *PARTS, b"\r\n--", BOUNDARY, b"--\r\n"]
)
NAMES = HeaderFields((b"From", b"To", b"Subject", b"Date"))
KINDS: dict[str, Collection[Kind]] = {
    "envelope bodystructure": (Item.ENVELOPE, Item.BODYSTRUCTURE),
    **{item.value: (item,) for item in Item},
    "header fields": (NAMES,),
    "all": (*Item, NAMES),
}


def microseconds(work: Callable[[], object]) -> float:
    """The best of some runs: what the machine does besides only adds."""
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(COUNT):
            work()
        best = min(best, time.perf_counter() - begin)
    return best / COUNT * 1e6


def mailbox() -> list[Row]:
    """Messages most of which answer one that is not much older."""
    chance = random.Random(1)  # noqa: S311 - the same mailbox each time
    rows: list[Row] = []
    for number in range(MESSAGES):
        chain: tuple[bytes, ...] = ()
        if number and chance.random() < 0.7:
            back = int(chance.expovariate(0.01))
            parent = rows[max(0, number - 1 - back)]
            chain = (*parent.references, parent.message_id)[-20:]
        subject = b"S%d" % chance.randrange(MESSAGES // 3)
        own = b"%d@example.com" % number
        rows.append(Row(number + 1, number, subject, bool(chain), own, chain))
    return rows


def steps(work: Steps[list[Node]]) -> tuple[float, float]:
    """Milliseconds of all steps, and of the longest."""
    taken: list[float] = []
    running = True
    while running:
        begin = time.perf_counter()
        running = next(work, work) is None
        taken.append(time.perf_counter() - begin)
    return sum(taken) * 1e3, max(taken) * 1e3


def main() -> None:
    """Measure and print."""
    for name, octets in {"plain": PLAIN, "multipart": MULTIPART}.items():
        print(f"{name}, {len(octets)} octets")  # noqa: T201 - its purpose
        for label, kinds in KINDS.items():
            took = microseconds(lambda m=octets, k=kinds: facts_of(m, k))  # type: ignore[misc]
            over = label.startswith("envelope b") and took > LIMIT
            note = f"  more than {LIMIT:.0f}" if over else ""
            print(f"  {label:24} {took:6.0f} us{note}")  # noqa: T201
    rows = mailbox()
    gc.disable()
    for work in (references, ordered_subject):
        whole, longest = steps(work(rows))
        print(f"{work.__name__:16} {whole:6.0f} ms, longest step {longest:.0f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
