"""Our server and the model of RFC 937, side by side over random dialogues.

``MAILAPP_POP2_DIALOGUES=100000 pytest tests/unit/pop2/test_model.py`` plays so many.
"""

from __future__ import annotations

import os
import random
import re
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.play import Wire, random_cuts
from tests.threats import threat
from tests.unit.pop2.model import Model
from tests.unit.pop2.support import Server

_DIALOGUES: Final = int(os.environ.get("MAILAPP_POP2_DIALOGUES", "2500"))
_BODIES: Final = tuple(
    b"Subject: %d\r\n\r\n.\r\n%b" % (n, b"x\r\n" * n) for n in range(9)
)
_ARCHIVE: Final = ("Archive",)
_REPLY: Final = re.compile(rb"([-+#=][0-9]*)[^\r\n]*\r\n")
_LOGIN: Final = b"HELO u p\\ w"
# what comes next in a session that gets somewhere
_LIKELY: Final = {
    "AUTH": (_LOGIN,),
    "MBOX": (b"READ", b"READ 1", b"READ 2", b"READ 3", b"FOLD Archive", b"FOLD inbox"),
    "ITEM": (b"RETR", b"RETR", b"RETR", b"READ 2", b"FOLD INBOX", b"QUIT"),
    "NEXT": (b"ACKS", b"ACKD", b"ACKD", b"NACK"),
}
_ANY: Final = (
    *(_LOGIN, b"HELO u p", b"HELO x p\\ w", b"HELO u", b"HELO u p\\ w x"),
    *(
        b"FOLD INBOX",
        b"FOLD Archive",
        b"FOLD Nowhere",
        b"FOLD ../../x",
        b"FOLD",
        b"FOLD ",
    ),
    *(b"READ", b"READ 0", b"READ 1", b"READ 007", b"READ 9999999999", b"READ -1"),
    *(b"READ 99999999999", b"RETR", b"retr", b"RETR 1", b"ACKS", b"ACKD", b"Nack"),
    *(b"QUIT", b"QUIT ", b"", b" ", b"NOOP", b"\xff", b"HELO u p\\", b"x" * 600),
)


def plain(octets: bytes, bodies: tuple[bytes, ...] = _BODIES) -> list[bytes]:
    """Replies by first character and number; messages whole."""
    found = []
    while octets:
        body = next((b for b in bodies if octets.startswith(b)), None)
        if body is None:
            match = _REPLY.match(octets)
            assert match is not None, octets
            found.append(match[1])
            octets = octets[match.end() :]
        else:
            found.append(body)
            octets = octets[len(body) :]
    return found


class Dialogue:
    """One session with both; what they hold must be the same at its end."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - no secret
        numbers = [self.rng.randrange(4) for _ in range(2)]
        boxes = {
            "INBOX": list(_BODIES[: numbers[0]]),
            "Archive": list(_BODIES[4 : 4 + numbers[1]]),
        }
        self.server = Server(*boxes["INBOX"])
        for body in boxes["Archive"]:
            self.server.deliver(body, _ARCHIVE)
        if not boxes["Archive"]:
            del boxes["Archive"]
        self.boxes = boxes
        # INBOX is blind to case, which the model need not know
        self.model = Model({"u": ("p w", boxes)})
        self.wire: Wire = self.server.connect()

    def play(self) -> None:
        """Up to 30 commands, some of them pipelined, and then any end."""
        for _ in range(self.rng.randrange(1, 30)):
            self.say(
                b"".join(self.line() for _ in range(self.rng.choice((1, 1, 1, 3))))
            )
            if self.model.closed:
                break
        else:
            self.rng.choice((self.time_out, self.vanish))()
        assert self.wire.closed
        assert self.server.bodies() == self.boxes["INBOX"]
        if "Archive" in self.boxes:
            assert self.server.bodies(_ARCHIVE) == self.boxes["Archive"]
        assert self.server.user.logged_in == 0
        assert not self.server.account.leases

    def line(self) -> bytes:
        """The next command, mostly one that may come."""
        likely = self.rng.random() < 0.93
        words = _LIKELY[self.model.state] if likely else _ANY
        ends = (b"\r\n",) if likely else (b"\r\n", b"\r\n", b"\n", b"\r\r\n")
        return self.rng.choice(words) + self.rng.choice(ends)

    def say(self, octets: bytes) -> None:
        """To both, and compare."""
        self.wire.feed(octets, random_cuts(self.rng.randrange(100)))
        wanted = self.model.feed(octets.replace(b"FOLD inbox", b"FOLD INBOX"))
        got = self.wire.take()
        assert plain(got) == plain(wanted), (octets, got, wanted)
        assert self.wire.closed == self.model.closed, octets

    def time_out(self) -> None:
        """The client is silent too long."""
        self.wire.time_out()
        assert plain(self.wire.take()) == plain(self.model.garbage())

    def vanish(self) -> None:
        """The client is gone."""
        self.wire.client_closes()
        self.model.vanish()


class ModelTests(SynchronousTestCase):
    """RFC 937, all of it, in any order."""

    @threat(77)
    def test_agree(self) -> None:
        """Whatever is said, server and model answer and delete the same."""
        base = random.randrange(2**32)  # noqa: S311 - no secret
        for seed in range(base, base + _DIALOGUES):
            try:
                Dialogue(seed).play()
            except AssertionError as problem:
                self.fail(f"seed {seed}: {problem}")

    def test_the_model_differs(self) -> None:
        """The comparison sees a difference: a model that forgets marks is caught."""
        found = 0
        for seed in range(200):
            dialogue = Dialogue(seed)
            dialogue.model._release = lambda: None  # type: ignore[method-assign]
            try:
                dialogue.play()
            except AssertionError:
                found += 1
        self.assertGreater(found, 0)
