"""Servers that transcripts of IMAP are played on, set up as their fixtures say.

===============  ==================================================================
``as=NAME``      what happened before the first line: ``nobody`` (not even the
                 greeting was read), ``greeted``, ``user`` (logged in), or a mailbox
                 that is selected, too
``mailbox=NAME`` with ``validity=N``, ``next=UID``, ``uids=SET`` of messages of
                 ``sizes=N,N`` octets or some text, ``gone=SET`` of UIDs that were
                 expunged, ``flags=UID:A+B;UID:C``, ``modseqs=UID:N;UID:N``
``modseq=N``     of the account, and of what says no other
``subscribed=``  names, with commas between them
``quota=N``      octets of the account
``separator=C``  of the levels of names
``limit=N``      octets of a message
``off=A,B``      switches of capabilities
``tls=yes``      STARTTLS is offered
===============  ==================================================================

The user is ``u`` with the password ``p w``, unless ``user=`` and ``pass=`` are there.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from mailapp.imap.capabilities import offered
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.sequence_set import sequence_set
from mailapp.imap.protocol import Composition, compose_imap
from mailapp.net.steps import finish
from mailapp.storage.memory_changes import Box, Message, apply
from mailapp.storage.types import INBOX_ID, UID, BlobRef, CreateFolder
from tests import svt
from tests.play import Wire
from tests.svt import Step, Vector
from tests.unit.imap.support import Server, ask

_GREETING = Step("S~", r"\* OK \[CAPABILITY .*", 0)
_LIMIT = 10_000_000


class Stage:
    """A server for one play of a vector."""

    def __init__(self, vector: Vector) -> None:
        self.server = Server()
        state = self.server.account.state
        state.modseq = int(vector.fixture("modseq", "1"))
        state.quota_octets = int(vector.fixture("quota", "0"))
        for fixture in vector.fixtures:
            if "mailbox" in fixture:
                self._fill(fixture)
        for name in filter(None, vector.fixture("subscribed").split(",")):
            path = tuple(name.split("/"))
            finish(self.server.account.marks.subscribe(path, on=True))
        self.server.user.name = vector.fixture("user", "u").encode()
        self.server.user.secret = vector.fixture("pass", "p w").encode()
        limit = int(vector.fixture("limit", str(_LIMIT)))
        off = filter(None, vector.fixture("off").split(","))
        self.service = evolve(
            self.server.service,
            separator=vector.fixture("separator", "/"),
            offer=offered(list(off), limit),
            append_octets=limit,
            tls_available=bool(vector.fixture("tls")),
        )
        self._other: Wire | None = None

    def compose(self) -> Composition:
        """What serves the client."""
        return compose_imap(self.service)

    def other(self, command: str) -> None:
        """Another client gives a command; what comes of it has time to be told."""
        if self._other is None:
            self._other = self.server.login()
        answer = ask(self._other, b"o " + command.encode("latin-1"))
        assert b"\r\no OK " in b"\r\n" + answer, answer
        self.server.clock.advance(1)

    # ---- mailboxes

    def _fill(self, fixture: dict[str, str]) -> None:
        box = self._box(fixture["mailbox"])
        box.uid_validity = int(fixture.get("validity", box.uid_validity))
        flags = {uid: text.split("+") for uid, text in _pairs(fixture, "flags")}
        modseqs = {uid: int(text) for uid, text in _pairs(fixture, "modseqs")}
        sizes = [int(size) for size in fixture.get("sizes", "").split(",") if size]
        uids = _numbers(fixture.get("uids", ""))
        for at, uid in enumerate(uids):
            octets = svt.make_message(str(sizes[at])) if sizes else _letter(uid)
            self._put(box, uid, octets, flags.get(uid, ()), modseqs.get(uid))
        state = self.server.account.state
        box.expunged = {
            UID(uid): state.modseq for uid in _numbers(fixture.get("gone", ""))
        }
        box.modseq = state.modseq
        box.uid_next = int(fixture.get("next", max([*uids, 0]) + 1))

    def _box(self, name: str) -> Box:
        state = self.server.account.state
        if name == "INBOX":
            return state.boxes[INBOX_ID]
        path, modseq = tuple(name.split("/")), state.modseq
        for depth in range(1, len(path) + 1):
            if all(box.name != path[:depth] for box in state.boxes.values()):
                apply(state, [CreateFolder(path[:depth])], lambda: BlobRef(b""), 0)
        state.modseq = modseq
        return state.named(path)

    def _put(
        self, box: Box, uid: int, octets: bytes, flags: Any, modseq: int | None
    ) -> None:
        state = self.server.account.state
        blob = BlobRef(b"%d-%d" % (box.id, uid))
        state.bodies[blob] = octets
        box.messages[UID(uid)] = Message(
            blob,
            len(octets),
            frozenset(flags),
            received=uid * 86400,
            modseq=modseq or state.modseq,
            saved=uid * 86400,
            email=bytes(blob),
        )


def prelude(vector: Vector) -> list[Step]:
    """What goes before the steps of a vector."""
    begun = vector.fixture("as", "user")
    if begun == "nobody":
        return []
    steps = [_GREETING]
    if begun != "greeted":
        steps += [Step("C:", 'x1 LOGIN u "p w"', 0), Step("S~", r"x1 OK .*", 0)]
    if begun not in {"greeted", "user"}:
        select = Step("C:", f"x2 SELECT {begun}", 0)
        steps += [select, Step("S?", r"1 99 \* .*", 0), Step("S~", "x2 OK .*", 0)]
    return steps


def _letter(uid: int) -> bytes:
    return (
        f"Date: Mon, 7 Feb 1994 21:52:{uid % 60:02} -0800\r\n"
        f"From: Fred Foobar <foobar@example.com>\r\n"
        f"Subject: number {uid}\r\n"
        f"Message-Id: <{uid}@example.com>\r\n\r\nText {uid}.\r\n"
    ).encode()


def _pairs(fixture: dict[str, str], key: str) -> list[tuple[int, str]]:
    pairs = [pair.partition(":") for pair in fixture.get(key, "").split(";") if pair]
    return [(int(uid), text) for uid, _, text in pairs]


def _numbers(text: str) -> list[int]:
    """The numbers of a sequence set, rising."""
    if not text:
        return []
    ranges = sequence_set(Reader(text.encode())).resolve(0)
    return [number for low, high in ranges for number in range(low, high + 1)]
