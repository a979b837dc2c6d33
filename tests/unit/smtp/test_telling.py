"""mailapp.smtp.telling: what the journal hears of messages that come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import PermanentFailure
from mailapp.core.peer import Peer
from mailapp.core.status import MAILBOX_FULL, Status
from mailapp.delivery.types import Failed
from mailapp.events.record import Event, Kind
from mailapp.policy.verdict import Reject
from mailapp.smtp.lmtp import LMTP
from mailapp.smtp.profile import Login, Profile
from mailapp.smtp.protocol import compose_smtp
from mailapp.smtp.telling import message_id
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.queue.doubles import Journal
from tests.unit.smtp.ledger import PROFILE, Ledger, Rules, say

NOW = 1_000_000_000.0
CLIENT = Peer("192.0.2.1", 2525, session="s1")
FULL = Failed(MAILBOX_FULL, permanent=False)
NO = Reject(Status(7, 1, "no"))


class TellingCase(SynchronousTestCase):
    """A server for Jones and Brown at foo.com, and its journal."""

    def setUp(self) -> None:
        """Nothing has happened."""
        self.ledger, self.rules, self.journal = Ledger(), Rules(), Journal()

    def dial(self, profile: Profile = PROFILE) -> Wire:
        """A connection, greeted."""
        ids = iter(range(1000))
        compose = compose_smtp(
            profile,
            self.ledger,
            self.rules,
            now=lambda: NOW,
            token=lambda: f"t{next(ids)}",
            events=self.journal,
        )
        wire = Wire(*compose(CLIENT))
        wire.take()
        say(wire, b"LHLO a" if profile.dialect is LMTP else b"EHLO a")
        return wire

    def told(self) -> list[tuple[str, str, str, str]]:
        """Kind, message, recipient, and the code of the answer."""
        return [
            (event.kind.value, event.message, event.recipient, event.text[:3])
            for event in self.journal.events
        ]


@tabled
class EndTests(TellingCase):
    """A message came to its end."""

    def send(
        self, *lines: bytes, parameters: bytes = b"", **changes: Any
    ) -> Sequence[Event]:
        """From a@b.c to Jones; what the journal heard."""
        wire = self.dial(evolve(PROFILE, **changes))
        say(wire, b"MAIL FROM:<a@b.c>" + parameters, b"RCPT TO:<Jones@foo.com>")
        say(wire, b"DATA", *(lines or (b"Message-ID: <1@b.c>", b"", b"x")), b".")
        return self.journal.events

    def test_accepted(self) -> None:
        """Who sent what to whom, over which connection."""
        [event] = self.send()
        facts: dict[str, str | int | float] = {
            "sender": "a@b.c",
            "message_id": "<1@b.c>",
            "size": 26,
            "peer": "192.0.2.1",
            "session": "s1",
            "protocol": "ESMTP",
        }
        expected = Event(Kind.ACCEPTED, "t0", NOW, "Jones@foo.com", "", "", "", facts)
        self.assertEqual(event, expected)

    def test_wishes(self) -> None:
        """When it is to go, and before which others (RFC 4865, RFC 6710)."""
        hold = b" HOLDFOR=60 MT-PRIORITY=-3"
        [event] = self.send(parameters=hold, queue=True, login=Login.REQUIRED)
        self.assertEqual(
            (NOW + 60, -3), (event.facts["until"], event.facts["priority"])
        )

    def test_refused_by_policy(self) -> None:
        """The words of the refusal, and what the message was."""
        self.rules.at_body = NO
        [event] = self.send()
        self.assertEqual(
            (Kind.REFUSED, "t0", "Jones@foo.com", "550 5.7.1 no", "<1@b.c>"),
            (
                event.kind,
                event.message,
                event.recipient,
                event.text,
                event.facts["message_id"],
            ),
        )

    def test_refused_by_store(self) -> None:
        """A mailbox that is full at the end."""
        self.ledger.outcomes["Jones"] = FULL
        self.send()
        self.assertEqual([("refused", "t0", "Jones@foo.com", "452")], self.told())

    def test_bug(self) -> None:
        """A bug of ours has no story: the log has its traceback."""
        self.ledger.commit_failure = ZeroDivisionError()
        self.assertEqual([], self.send())
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    @threat(10)
    def test_chunk_refused(self) -> None:
        """A chunk that is refused ends the message; that is told once."""
        self.ledger.write_failure = PermanentFailure(Status(3, 4, "too big"))
        wire = self.dial()
        say(wire, b"MAIL FROM:<a@b.c>", b"RCPT TO:<Jones@foo.com>")
        wire.feed(b"BDAT 3\r\nx\r\n")
        wire.feed(b"BDAT 0 LAST\r\n")
        self.assertEqual([("refused", "t0", "Jones@foo.com", "552")], self.told())

    def test_null_sender(self) -> None:
        """A report has a sender that can be looked for, too."""
        wire = self.dial()
        say(wire, b"MAIL FROM:<>", b"RCPT TO:<Jones@foo.com>", b"DATA", b".")
        self.assertEqual("<>", self.journal.events[0].facts["sender"])


class LmtpTests(TellingCase):
    """Each recipient has an answer of its own."""

    def send(self, *names: bytes) -> list[tuple[str, str, str, str]]:
        """To these; what is told."""
        wire = self.dial(evolve(PROFILE, dialect=LMTP))
        say(wire, b"MAIL FROM:<a@b.c>")
        say(wire, *[b"RCPT TO:<%b@foo.com>" % name for name in names])
        say(wire, b"DATA", b"x", b".")
        return self.told()

    def test_all(self) -> None:
        """One event for all that have it; named twice is told once."""
        self.assertEqual(
            [("accepted", "t0", "Jones@foo.com, Brown@foo.com", "")],
            self.send(b"Jones", b"Brown", b"Jones"),
        )

    def test_some(self) -> None:
        """Who does not get it is not told of as one who does."""
        self.ledger.outcomes["Brown"] = FULL
        self.assertEqual(
            [
                ("accepted", "t0", "Jones@foo.com", ""),
                ("refused", "t0", "Brown@foo.com", "452"),
            ],
            self.send(b"Jones", b"Brown", b"Brown"),
        )

    def test_none(self) -> None:
        """One refusal is one event, however many it is for."""
        self.rules.at_body = NO
        self.assertEqual(
            [("refused", "t0", "Jones@foo.com, Brown@foo.com", "550")],
            self.send(b"Jones", b"Brown"),
        )

    def test_nobody(self) -> None:
        """Without a recipient there is no message, but their refusals are told."""
        self.assertEqual(
            [("refused", "t0", "Nobody@foo.com", "550")], self.send(b"Nobody")
        )


@tabled
class RefusalTests(TellingCase):
    """A sender or a recipient was refused."""

    def test_sender(self) -> None:
        """There is no transaction yet: the session stands for it."""
        self.rules.at_mail = NO
        say(self.dial(), b"MAIL FROM:<a@b.c>")
        [event] = self.journal.events
        facts: dict[str, str | int | float] = {
            "peer": "192.0.2.1",
            "session": "s1",
            "sender": "a@b.c",
        }
        expected = Event(Kind.REFUSED, "s1", NOW, "", "", "550 5.7.1 no", "", facts)
        self.assertEqual(event, expected)

    @rows(
        unknown=(b"nobody@foo.com", "550 5.1.1 no such mailbox here"),
        relay=(b"u@elsewhere.org", "550 5.7.1 relaying denied"),
    )
    def test_recipient(self, address: bytes, text: str) -> None:
        """Part of the story of its message, with who was refused."""
        say(self.dial(), b"MAIL FROM:<>", b"RCPT TO:<%b>" % address)
        [event] = self.journal.events
        self.assertEqual(
            ("t0", address.decode(), text), (event.message, event.recipient, event.text)
        )
        self.assertEqual({"peer": "192.0.2.1", "session": "s1"}, event.facts)

    @threat(123)
    def test_flood(self) -> None:
        """Who tries a thousand names does not fill the journal."""
        wire = self.dial(evolve(PROFILE, limits=evolve(PROFILE.limits, errors=10_000)))
        say(wire, b"MAIL FROM:<>", *[b"RCPT TO:<n%d@foo.com>" % n for n in range(1000)])
        self.assertEqual(50, len(self.journal.events))


@tabled
class MessageIdTests(SynchronousTestCase):
    """The id by which a person looks for a message."""

    @rows(
        plain=(b"Message-ID: <a@b>\r\n", "<a@b>"),
        lower=(b"A: b\r\nmessage-id:<a@b>\r\nC: d\r\n", "<a@b>"),
        space=(b"Message-ID \t: <a@b>\r\n", "<a@b>"),
        folded=(b"Message-ID:\r\n <a@b>\r\nA: <c@d>\r\n", "<a@b>"),
        folded_tab=(
            b"Message-ID:\r\n\t<a@b>\r\n\t(a comment)\r\n",
            "<a@b> (a comment)",
        ),
        first=(b"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", "<a@b>"),
        empty=(b"Message-ID:\r\nA: <a@b>\r\n", ""),
        none=(b"Subject: Message-ID: <a@b>\r\n", ""),
        longer_name=(b"X-Message-ID: <a@b>\r\nMessage-ID-X: <a@b>\r\n", ""),
        no_header=(b"", ""),
        no_line_end=(b"Message-ID: <a@b>", "<a@b>"),
        utf8=("Message-ID: <ü@b>\r\n".encode(), "<ü@b>"),
        latin=(b"Message-ID: <\xfc@b>\r\n", "<\N{REPLACEMENT CHARACTER}@b>"),
        brackets=(b"Message-ID: a@b\r\n", "a@b"),
        long=(b"Message-ID: <" + b"a" * 5000 + b">\r\n", "<" + "a" * 299),
        long_folded=(b"Message-ID:" + b"\r\n a" * 5000, " ".join("a" * 150)),
    )
    def test_value(self, header: bytes, expected: str) -> None:
        """The first one, unfolded, of bounded length."""
        self.assertEqual(message_id(header), expected.strip())

    @given(st.binary(max_size=60))
    def test_anything(self, octets: bytes) -> None:
        """Whatever it is, it is one line."""
        found = message_id(b"Message-ID:" + octets)
        self.assertNotIn("\n", found)
        self.assertLessEqual(len(found), 300)
