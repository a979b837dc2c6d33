"""ETRN: what is asked of the queue, what a stranger learns, and how often."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.smtp.release import PAUSE, STARTS, Release
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import CLIENT, PROFILE, codes, dial, say


class Queue:
    """How many wait for each domain, and what was asked."""

    def __init__(self, **waiting: int) -> None:
        self.waiting = {name.replace("_", "."): n for name, n in waiting.items()}
        self.asked: list[str] = []
        self.time = 1000.0
        self.failure: Exception | None = None

    async def flush(self, domain: str) -> int:
        """Begin."""
        self.asked.append(domain)
        if self.failure is not None:
            raise self.failure
        return self.waiting.get(domain, 0)

    def dial(self, *, trusted: bool = True, hello: bool = True) -> Wire:
        """A client of a server with this queue."""
        if not hasattr(self, "release"):
            self.release = Release(self.flush, lambda: self.time)
        profile = evolve(PROFILE, queue=True, release=self.release)
        wire = dial(profile=profile, peer=evolve(CLIENT, trusted=trusted))
        if hello:
            self.ehlo = say(wire, b"EHLO a")
        return wire


@tabled
class EtrnTests(SynchronousTestCase):
    """RFC 1985, section 5."""

    @rows(
        many=(b"ETRN a.org", b"253 2.0.0 14 pending messages for this node started"),
        none=(b"ETRN b.org", b"251 2.0.0 no messages are waiting for this node"),
        case=(b"etrn  A.Org ", b"253 2.0.0 14 "),
        subdomains=(b"ETRN @a.org", b"459 4.7.1 "),
        queue=(b"ETRN #uucp", b"459 4.7.1 "),
    )
    def test_trusted(self, line: bytes, reply: bytes) -> None:
        """A client that we trust learns how many."""
        said = say(Queue(a_org=14).dial(), line)
        self.assertTrue(said.startswith(reply), said)

    def test_stranger(self) -> None:
        """Others learn nothing of what waits here; it is sent all the same."""
        queue = Queue(a_org=14)
        wire = queue.dial(trusted=False)
        answers = {say(wire, b"ETRN a.org"), say(wire, b"ETRN b.org")}
        self.assertEqual(answers, {b"250 2.0.0 queuing for this node started\r\n"})
        self.assertEqual(queue.asked, ["a.org", "b.org"])

    @rows(
        none=b"ETRN",
        no_dot=b"ETRN localname",
        option_alone=b"ETRN @",
        injected=b"ETRN '; -- '",
        quoted=b"ETRN a.org'--",
        two=b"ETRN a.org b.org",
        literal=b"ETRN [192.0.2.1]",
        address=b"ETRN a@b.org",
        hole=b"ETRN a..org",
        nul=b"ETRN a.org\0",
        long=b"ETRN " + b"a." * 200 + b"org",
        octets=b"ETRN \xff.org",
    )
    @threat(17)
    def test_refused(self, line: bytes) -> None:
        """501, and the queue is not asked."""
        queue = Queue()
        self.assertEqual(codes(say(queue.dial(), line)), [501])
        self.assertEqual(queue.asked, [])

    @given(st.binary(max_size=30).filter(lambda o: not set(o) & set(b"\r\n")))
    def test_any_octets(self, name: bytes) -> None:
        """Nothing raises; what reaches the queue is a domain."""
        queue = Queue()
        replies = codes(say(queue.dial(), b"ETRN " + name))
        self.assertIn(replies, ([251], [459], [501]))
        for domain in queue.asked:
            self.assertRegex(domain, r"\A[a-z0-9-]+(\.[a-z0-9-]+)+\Z")

    def test_order(self) -> None:
        """After EHLO, and not inside a message."""
        queue = Queue()
        wire = queue.dial(hello=False)
        self.assertEqual(codes(say(wire, b"ETRN a.org")), [503])
        say(wire, b"EHLO a", b"MAIL FROM:<a@b>")
        self.assertEqual(codes(say(wire, b"ETRN a.org")), [503])
        self.assertEqual(codes(say(wire, b"RSET")), [250])
        self.assertEqual(codes(say(wire, b"ETRN a.org")), [251])

    def test_announced(self) -> None:
        """Only where there is a queue to ask."""
        queue = Queue()
        queue.dial()
        self.assertIn(b"250-ETRN\r\n", queue.ehlo)
        wire = dial(profile=evolve(PROFILE, queue=True))
        self.assertNotIn(b"ETRN", say(wire, b"EHLO a"))
        self.assertEqual(codes(say(wire, b"ETRN a.org")), [502])

    @threat(12)
    def test_often(self) -> None:
        """The same domain is looked for once a minute, whoever asks."""
        queue = Queue(a_org=3)
        wire = queue.dial()
        replies = [codes(say(wire, b"ETRN a.org"))[0] for _ in range(3)]
        self.assertEqual(replies, [253, 250, 250])
        queue.time += PAUSE
        self.assertEqual(codes(say(queue.dial(), b"ETRN a.org")), [253])
        self.assertEqual(len(queue.asked), 2)

    @threat(12)
    def test_many_domains(self) -> None:
        """So many domains a minute; then 458, and later it goes on."""
        queue = Queue()
        wire = queue.dial()
        for number in range(STARTS):
            self.assertEqual(codes(say(wire, b"ETRN a%d.org" % number)), [251])
        self.assertEqual(codes(say(wire, b"ETRN b.org")), [458])
        queue.time += PAUSE
        self.assertEqual(codes(say(wire, b"ETRN b.org")), [251])

    def test_clock_goes_back(self) -> None:
        """What was started in the future is forgotten."""
        queue = Queue()
        say(queue.dial(), b"ETRN a.org")
        queue.time -= 10_000
        self.assertEqual(codes(say(queue.dial(), b"ETRN a.org")), [251])

    def test_failure(self) -> None:
        """A queue that does not answer is 458, and may be asked again at once."""
        queue = Queue(a_org=1)
        wire = queue.dial()
        queue.failure = TemporaryFailure(SYSTEM_TROUBLE)
        self.assertEqual(say(wire, b"ETRN a.org")[:9], b"458 4.3.2")
        queue.failure = None
        self.assertEqual(codes(say(wire, b"ETRN a.org")), [253])
