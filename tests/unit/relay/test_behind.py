"""mailapp.relay.channel, pool: one message stands behind another on a connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.steps import run
from mailapp.queue.interfaces import unheard
from mailapp.relay.channel import SOON
from mailapp.relay.pool import ALONE_SECONDS
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.relay.net import DROP, FakeServer, World, outcomes

OFFERS = ("PIPELINING", "8BITMIME")
TAKEN = b"250 2.0.0 taken\r\n"
DONE = [("relayed", "2.0.0")]


class _Kept:
    """In place of the pipe: keeps what is said."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.protocol = self

    def dataReceived(self, octets: bytes) -> None:
        self.said.append(octets)

    def close(self) -> None:
        self.said.append(DROP)


class SlowServer(FakeServer):
    """A server that answers when it is let; then all that it owes leaves at once."""

    slow = False

    def say(self, step: str, reply: bytes) -> bytes:
        """Keep it while the server is slow."""
        if not self.slow:
            return super().say(step, reply)
        pipe, self.pipe = self.pipe, self.owed
        try:
            return super().say(step, reply)
        finally:
            self.pipe = pipe

    def __init__(self, *args: Any, **steps: Any) -> None:
        super().__init__(*args, **steps)
        self.owed = _Kept()

    def answer(self, most: int = 100) -> None:
        """Let go of what it owes now."""
        said, self.owed.said = self.owed.said[:most], self.owed.said[most:]
        octets = b"".join(said)
        if self.closed:
            return
        if DROP in said:
            octets = octets.partition(DROP)[0]
        if octets:
            self.pipe.protocol.dataReceived(octets)
        if DROP in said:
            self.pipe.close()


class Sending(World):
    """Messages under way at the same time."""

    def __init__(self, servers: Callable[[], FakeServer]) -> None:
        super().__init__(servers)
        self.begun = 0
        self.told: dict[str, Any] = {}

    def begin(self, name: str, sent: Callable[[], object] = unheard) -> None:
        """Carry a message to one recipient, whose name is its content too."""
        self.begun += 1
        content = f"{name}\r\n".encode()
        going = evolve(self.consignment([name], content), sent=sent)

        def told(result: Any) -> None:
            if isinstance(result, BaseException):
                raise result
            self.told[name] = outcomes(result)

        run(self.relay.carry(going), told, told)

    def end(self, servers: Sequence[SlowServer]) -> None:
        """Let all servers answer until all messages have come back."""
        for _ in range(200):
            for server in servers:
                server.answer()
            if len(self.told) == self.begun:
                return
        self.seconds_pass(620)
        if len(self.told) < self.begun:
            raise AssertionError(self.told)

    def seconds_pass(self, seconds: float) -> None:
        """Let the sweep look."""
        self.clock.pump([0.5] * int(2 * seconds + 1))


def quick(*later: FakeServer, **steps: Any) -> tuple[Sending, SlowServer]:
    """A connection that has taken a message at once, and is slow from now on."""
    server = SlowServer(OFFERS, **steps)
    waiting = [server, *later]
    world = Sending(lambda: waiting.pop(0))
    world.begin("first")
    server.slow = True
    return world, server


@tabled
class BehindTests(SynchronousTestCase):
    """Where a connection is quick, a message begins with the end of another."""

    def both(self, **steps: Any) -> tuple[Sending, SlowServer]:
        """The content of ``one`` is sent, and ``two`` stands behind it."""
        world, server = quick(FakeServer(OFFERS), **steps)
        world.begin("one")
        world.begin("two")
        self.assertEqual(len(world.connected), 1)
        server.answer()
        return world, server

    def test_one_write(self) -> None:
        """The end of a content and the next envelope are one write, and all arrive."""
        world, server = self.both()
        self.assertEqual(
            server.writes[-1],
            b"one\r\n.\r\nMAIL FROM:<alice@us.test>\r\n"
            b"RCPT TO:<two@example.test>\r\nDATA\r\n",
        )
        server.answer()
        self.assertEqual(world.told["one"], DONE)
        server.answer()
        self.assertEqual(world.told["two"], DONE)
        self.assertEqual(server.messages, [b"first\r\n", b"one\r\n", b"two\r\n"])

    def test_behind_the_end(self) -> None:
        """What comes while the last word is awaited still saves the round trip."""
        world, server = quick()
        world.begin("one")
        server.answer()
        world.begin("two")
        self.assertEqual(server.commands[-1], b"DATA")
        server.answer()
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [DONE, DONE])

    def test_three(self) -> None:
        """One may stand behind another, and a third one goes elsewhere."""
        world, server = quick(FakeServer(OFFERS))
        for name in ("one", "two", "three"):
            world.begin(name)
        self.assertEqual(len(world.connected), 2)
        self.assertEqual(world.told["three"], DONE)
        server.answer()
        server.answer()
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [DONE, DONE])

    def test_sent(self) -> None:
        """Who gives the consignments hears when another could begin, before the end."""
        world, server = quick()
        heard: list[str] = []

        def sent() -> None:
            heard.append(server.commands[-1].decode())
            world.begin("two")

        world.begin("one", sent)
        self.assertEqual(heard, [])
        server.answer()
        self.assertEqual(heard, ["DATA"])
        self.assertTrue(server.writes[-1].startswith(b"one\r\n.\r\nMAIL FROM"))
        server.answer()
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [DONE, DONE])

    @rows(
        refused=(b"554 5.7.1 no\r\n", ("failed", "5.7.1")),
        deferred=(b"451 4.3.0 later\r\n", ("deferred", "4.3.0")),
    )
    @threat(22)
    def test_first_refused(self, reply: bytes, expected: tuple[str, str]) -> None:
        """The word on one message is not that on the next."""
        world, server = self.both(content=[TAKEN, reply])
        server.answer()
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [[expected], DONE])
        self.assertEqual(server.messages, [b"first\r\n", b"two\r\n"])

    @rows(
        closing=(b"421 4.3.2 bye\r\n" + DROP, ("deferred", "4.3.2")),
        drop=(DROP, ("deferred", "4.4.2")),
        garbage=(b"hello\r\n", ("deferred", "4.5.0")),
    )
    @threat(22)
    def test_first_lost(self, reply: bytes, expected: tuple[str, str]) -> None:
        """Of the one behind nothing was taken: it goes over another connection."""
        world, server = self.both(content=[TAKEN, reply])
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [[expected], DONE])
        self.assertEqual(world.connected[1].messages, [b"two\r\n"])

    @rows(
        closing=(b"421 4.7.0 enough\r\n" + DROP,),
        drop=(DROP,),
        order=(b"503 5.5.1 nested MAIL\r\n",),
    )
    @threat(22)
    def test_second_unheard(self, reply: bytes) -> None:
        """A server that takes one message a connection costs no attempt."""
        fine = b"250 ok\r\n"
        world, server = self.both(mail=[fine, fine, reply])
        server.answer()
        self.assertEqual([world.told["one"], world.told["two"]], [DONE, DONE])
        self.assertEqual(world.connected[1].messages, [b"two\r\n"])

    def test_left_alone(self) -> None:
        """Where what stood behind was lost, nothing stands there for an hour."""
        fine, order = b"250 ok\r\n", b"503 5.5.1 order\r\n"
        near, far = SlowServer(OFFERS), SlowServer(OFFERS)
        world, server = quick(near, FakeServer(OFFERS), far, mail=[fine, fine, order])
        world.begin("one")
        world.begin("two")
        server.answer()
        server.answer()
        self.assertEqual(world.told["two"], DONE)
        near.slow = True
        world.begin("three")
        world.begin("four")
        self.assertEqual([len(world.connected), world.told["four"]], [3, DONE])
        world.seconds_pass(ALONE_SECONDS)
        world.begin("five")
        far.slow = True
        world.begin("six")
        world.begin("seven")
        for _ in range(3):
            far.answer()
        self.assertEqual([len(world.connected), world.told["seven"]], [4, DONE])
        self.assertEqual(len(far.writes), 6)

    @threat(22)
    def test_discarded(self) -> None:
        """A server that throws away what came behind a message: it is tried later."""
        world, server = self.both()
        server.owed.said = [TAKEN]
        server.slow = False
        server._mute = True
        server.answer()
        self.assertEqual(world.told, {"first": DONE, "one": DONE})
        world.seconds_pass(302)
        self.assertEqual(world.told["two"], [("deferred", "4.4.2")])

    def test_stuck(self) -> None:
        """Who only stands behind does not wait for a server that became slow."""
        world, _server = quick(FakeServer(OFFERS))
        world.begin("one")
        world.begin("two")
        world.seconds_pass(SOON + 1.5)
        self.assertEqual(world.told, {"first": DONE, "two": DONE})
        world.seconds_pass(302)
        self.assertEqual(world.told["one"], [("deferred", "4.4.2")])

    def test_not_where_it_is_slow(self) -> None:
        """Another connection is better than one that takes its time."""
        server = SlowServer(OFFERS)
        waiting = [server, FakeServer(OFFERS)]
        world = Sending(lambda: waiting.pop(0))
        server.slow = False
        world.begin("zero")
        server.slow = True
        world.begin("first")
        world.clock.advance(8 * SOON)
        server.answer()
        server.answer()
        world.begin("one")
        world.begin("two")
        self.assertEqual(len(world.connected), 2)

    def test_mailmax(self) -> None:
        """RFC 9422, section 4.1: none stands behind the last one that is allowed."""
        server = SlowServer((*OFFERS, "LIMITS MAILMAX=2"))
        waiting = [server, FakeServer(OFFERS)]
        world = Sending(lambda: waiting.pop(0))
        world.begin("first")
        server.slow = True
        world.begin("one")
        world.begin("two")
        server.answer()
        server.answer()
        self.assertEqual(
            world.told, {"first": DONE, "one": DONE, "two": DONE}, world.told
        )
        self.assertEqual(server.messages, [b"first\r\n", b"one\r\n"])

    def test_close(self) -> None:
        """A relay that closes breaks off both, and leaves nothing open."""
        world, server = self.both()
        world.servers = {}
        world.relay.close()
        self.assertTrue(server.closed)
        self.assertEqual(world.told["one"], [("deferred", "4.4.2")])
        self.assertEqual(world.told["two"], [("deferred", "4.4.1")])


class AnythingTests(SynchronousTestCase):
    """Any answers, at any time."""

    REPLIES = st.sampled_from(
        [None] * 6
        + [b"450 4.2.0 later\r\n", b"550 5.1.1 never\r\n", b"503 5.5.1 order\r\n", DROP]
        + [b"421 4.3.2 bye\r\n" + DROP]
    )
    STEPS: ClassVar = {
        "mail": b"250 2.1.0 ok\r\n",
        "rcpt": b"250 2.1.5 ok\r\n",
        "data": b"354 go\r\n",
        "content": TAKEN,
    }

    @given(
        st.lists(st.tuples(*[REPLIES] * 4), min_size=30, max_size=30),
        st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=40),
    )
    @settings(deadline=None, max_examples=60)
    @threat(22)
    def test_each_by_itself(
        self, plans: Sequence[Sequence[bytes | None]], acts: Sequence[int | None]
    ) -> None:
        """Who was told that a message went is right, and none was sent twice."""
        left = [
            {step: reply for step, reply in zip(self.STEPS, plan, strict=True) if reply}
            for plan in plans
        ]
        servers: list[SlowServer] = []

        def serve() -> SlowServer:
            some = [left.pop() if left else {} for _ in range(4)]
            steps = {
                step: [plan.get(step, fine) for plan in some]
                for step, fine in self.STEPS.items()
            }
            servers.append(SlowServer(OFFERS, **steps))
            return servers[-1]

        world = Sending(serve)
        for act in acts:
            for server in servers:
                server.slow = True
            if act is None:
                world.begin(f"m{world.begun}")
            elif servers:
                servers[act % len(servers)].answer(1 + act % 3)
        world.end(servers)
        taken = Counter(m.decode()[:-2] for s in servers for m in s.messages)
        for name, [(outcome, _)] in world.told.items():
            least, most = {"relayed": (1, 1), "failed": (0, 0)}.get(outcome, (0, 1))
            self.assertIn(taken[name], range(least, most + 1), name)
