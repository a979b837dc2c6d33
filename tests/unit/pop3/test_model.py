"""Commands in any order, against a model of what RFC 1939 says."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.play import Wire
from tests.unit.pop.support import ask
from tests.unit.pop3.support import LOGIN, Server

_numbers = st.integers(0, 5)
_bodies = st.sampled_from(
    [b"A: b\r\n\r\n1\r\n2\r\n", b".\r\n", b"x", b"\r\n.\r\n..\r\n"]
)


class Machine(RuleBasedStateMachine):
    """One client that comes and goes; another program removes and delivers."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.inbox: list[bytes] = []  # each body is unique
        self.wire: Wire | None = None
        self.snapshot: list[bytes] = []
        self.marked: set[int] = set()
        self.serial = 0

    @initialize(bodies=st.lists(_bodies, max_size=4))
    def start(self, bodies: list[bytes]) -> None:
        """Some messages."""
        for body in bodies:
            self.deliver(body)

    @rule(body=_bodies)
    def deliver(self, body: bytes) -> None:
        """A message arrives; a session under way does not see it."""
        self.serial += 1
        body = b"X-Serial: %d\r\n" % self.serial + body
        self.server.deliver(body)
        self.inbox.append(body)

    @rule(number=st.integers(1, 5))
    def expunge(self, number: int) -> None:
        """Another program removes a message."""
        if number <= len(self.inbox):
            self.server.expunge(number)
            del self.inbox[number - 1]

    @rule()
    def login(self) -> None:
        """The snapshot is what is there now."""
        if self.wire is None:
            self.wire = self.server.connect()
            reply = ask(self.wire, LOGIN[:-2]).split(b"\r\n")[1]
            self.snapshot, self.marked = list(self.inbox), set()
            self.assert_counts(reply.removeprefix(b"+OK maildrop has "))
        else:
            assert b"[IN-USE]" in ask(self.server.connect(), LOGIN[:-2])

    @rule()
    def vanish(self) -> None:
        """The client is gone: nothing is removed."""
        if self.wire is not None:
            self.wire.client_closes()
            self.wire = None

    @rule()
    def quit(self) -> None:
        """What was marked is removed, and nothing else."""
        if self.wire is not None:
            assert ask(self.wire, b"QUIT").startswith(b"+OK")
            assert self.wire.closed
            gone = {self.snapshot[number - 1] for number in self.marked}
            self.inbox = [body for body in self.inbox if body not in gone]
            self.wire = None

    @rule(number=_numbers)
    def dele(self, number: int) -> None:
        """Once each."""
        if self.wire is not None:
            assert self.ok(b"DELE %d" % number) == self.there(number)
            if self.there(number):
                self.marked.add(number)

    @rule()
    def rset(self) -> None:
        """All marks are gone."""
        if self.wire is not None:
            assert self.ok(b"RSET")
            self.marked.clear()

    @rule(number=_numbers, top=st.booleans())
    def retr(self, number: int, *, top: bool) -> None:
        """The message, or -ERR if it is marked, gone or never was."""
        if self.wire is None:
            return
        got = ask(self.wire, b"TOP %d 99" % number if top else b"RETR %d" % number)
        body = self.snapshot[number - 1] if self.there(number) else b""
        if body not in self.inbox:
            assert got.startswith(b"-ERR"), got
            assert got.startswith(b"-ERR [SYS/TEMP]") == self.there(number)
            return
        _status, block = got.split(b"\r\n", 1)
        lines = (b"\r\n" + block).removesuffix(b"\r\n.\r\n") + b"\r\n"
        whole = body if body.endswith(b"\r\n") else body + b"\r\n"
        assert lines.replace(b"\r\n.", b"\r\n")[2:] == whole

    @rule()
    def listing(self) -> None:
        """LIST and UIDL name what is not marked, with sizes as transferred."""
        if self.wire is not None:
            numbers = [n for n in range(1, len(self.snapshot) + 1) if self.there(n)]
            rows = ask(self.wire, b"LIST").split(b"\r\n")[1:-2]
            sizes = [b"%d %d" % (n, len(self.snapshot[n - 1])) for n in numbers]
            assert rows == sizes
            rows = ask(self.wire, b"UIDL").split(b"\r\n")[1:-2]
            assert [int(row.split()[0]) for row in rows] == numbers
            assert len({row.split()[1] for row in rows}) == len(rows)

    @rule(number=_numbers)
    def list_one(self, number: int) -> None:
        """One row, or -ERR."""
        if self.wire is not None:
            assert self.ok(b"LIST %d" % number) == self.there(number)
            assert self.ok(b"UIDL %d" % number) == self.there(number)

    @rule(line=st.sampled_from([b"USER u", b"PASS p w", b"XYZZY", b"STLS", b"RETR"]))
    def nonsense(self, line: bytes) -> None:
        """What is out of place changes nothing."""
        if self.wire is not None:
            self.wire.connection._bad_commands = 0  # type: ignore[attr-defined]
            assert not self.ok(line)

    @invariant()
    def consistent(self) -> None:
        """STAT and the store agree with the model at any time."""
        assert self.server.bodies() == self.inbox
        if self.wire is not None:
            stat = ask(self.wire, b"STAT")
            count = len(self.snapshot) - len(self.marked)
            octets = sum(
                len(body)
                for number, body in enumerate(self.snapshot, 1)
                if number not in self.marked
            )
            assert stat == b"+OK %d %d\r\n" % (count, octets)

    def there(self, number: int) -> bool:
        """The session has such a message."""
        return 0 < number <= len(self.snapshot) and number not in self.marked

    def ok(self, command: bytes) -> bool:
        """The reply is positive."""
        assert self.wire is not None
        return ask(self.wire, command).startswith(b"+OK")

    def assert_counts(self, text: bytes) -> None:
        """``2 messages (320 octets)``."""
        octets = sum(map(len, self.snapshot))
        assert text == b"%d messages (%d octets)" % (len(self.snapshot), octets)


class ModelTests(SynchronousTestCase):
    """The machine above, many times."""

    def test_any_order(self) -> None:
        """Whatever the order of commands, the session does what the model says."""
        limits = settings(deadline=None, max_examples=40, stateful_step_count=30)
        run_state_machine_as_test(Machine, settings=limits)
