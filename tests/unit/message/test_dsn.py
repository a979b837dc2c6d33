"""mailapp.message.dsn and dsn_words."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import OriginalRecipient
from mailapp.message.dsn import Fate, Report, Returned, build
from mailapp.message.dsn_words import Action, case_of
from mailapp.message.sevenbit import is_seven_bit
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.reports import ReadReport, read_report

CAROL = Address("carol", "example.net")
BOB = Address("bob", "example.org")
JOSE = Address("josé", "example.org")
NOW = 1_000_000_000.0
HEADER = (
    b"Received: from a by b; Sun, 9 Sep 2001 01:46:40 +0000\r\n"
    b"From: carol@example.net\r\nTo: Bob <bob@example.org>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.net>\r\n"
    b"Date: Sun, 9 Sep 2001 01:46:39 +0000\r\n\r\n"
)


def fate(**changes: Any) -> Fate:
    """Bob's mailbox is not there, the next server said."""
    values: dict[str, Any] = {
        "recipient": BOB,
        "action": Action.FAILED,
        "status": "5.1.1",
        "at": NOW,
        "text": "550 5.1.1 no such user",
        "host": "mx.example.org",
    }
    return Fate(**{**values, **changes})


def report(*fates: Fate, **changes: Any) -> Report:
    """To carol, of a message of hers."""
    values: dict[str, Any] = {
        "id": "R1",
        "host": "mx.example.test",
        "author": Address("postmaster", "example.test"),
        "sender": CAROL,
        "fates": fates or (fate(),),
        "arrived_at": NOW - 60,
        "now": NOW,
        "content": HEADER,
    }
    return Report(**{**values, **changes})


def read(*fates: Fate, **changes: Any) -> ReadReport:
    """Build and read again, with other eyes."""
    return read_report(build(report(*fates, **changes)))


@tabled
class ReportTests(SynchronousTestCase):
    """The whole of a report."""

    def test_header(self) -> None:
        """To the sender, about the message, and no answer to be made by programs."""
        header = read().header
        self.assertEqual("carol@example.net", header["to"].strip("<>"))
        self.assertEqual("Mail delivery <postmaster@example.test>", header["from"])
        self.assertEqual("<R1@mx.example.test>", header["message-id"])
        self.assertEqual("<1@example.net>", header["in-reply-to"])
        self.assertEqual("<1@example.net>", header["references"])
        self.assertEqual("auto-replied", header["auto-submitted"])
        self.assertEqual(
            "Your message could not be delivered: bob@example.org", header["subject"]
        )
        self.assertEqual("Sun, 09 Sep 2001 01:46:40 +0000", header["date"])

    def test_people(self) -> None:
        """A person reads what happened, who said it, and what to do."""
        text = read().text
        for words in (
            "This is the mail server mx.example.test. Your message",
            "    Subject: Grüße\n",
            "could not be delivered to:",
            "  bob@example.org\n    There is no mailbox of that name. Check the part",
            "mx.example.org said: 550 5.1.1 no such user (5.1.1)",
            "Questions go to postmaster@example.test.",
        ):
            self.assertIn(words, text)

    def test_programs(self) -> None:
        """Every field that RFC 3461, section 6.3, wants, in the form of RFC 3464."""
        original = OriginalRecipient("rfc822", "Bob@Example.org")
        found = read(fate(original=original), envelope_id="QQ+314")
        self.assertEqual(
            {
                "original-envelope-id": "QQ+314",
                "reporting-mta": "dns; mx.example.test",
                "arrival-date": "Sun, 9 Sep 2001 01:45:40 +0000",
            },
            found.message,
        )
        self.assertEqual(
            [
                {
                    "original-recipient": "rfc822; Bob@Example.org",
                    "final-recipient": "rfc822; bob@example.org",
                    "action": "failed",
                    "status": "5.1.1",
                    "remote-mta": "dns; mx.example.org",
                    "diagnostic-code": "smtp; 550 5.1.1 no such user",
                    "last-attempt-date": "Sun, 9 Sep 2001 01:46:40 +0000",
                }
            ],
            found.recipients,
        )

    @rows(interval="for;3600", date="until;2030-12-31T23:59:00Z")
    def test_hold_request(self, value: str) -> None:
        """The wish for a later release stands in it (RFC 4865, section 5.1.2)."""
        message = read(hold_request=value).message
        self.assertEqual(value, message["future-release-request"])
        self.assertIn("arrival-date", message)

    def test_left_out(self) -> None:
        """What was not given or not said is not there."""
        found = read(fate(text="out of patience", host="", expired=True))
        self.assertNotIn("original-envelope-id", found.message)
        self.assertNotIn("future-release-request", found.message)
        [recipient] = found.recipients
        self.assertNotIn("original-recipient", recipient)
        self.assertNotIn("remote-mta", recipient)
        self.assertEqual("x-mailapp; out of patience", recipient["diagnostic-code"])
        self.assertIn("It was tried until its time was up.", found.text)
        self.assertIn("The reason in short: out of patience (5.1.1)", found.text)

    def test_our_words(self) -> None:
        """A server that could not be asked has said nothing (RFC 3464, section 2.3.5).

        Our words about it are no reply of SMTP, and it is not named as who told us.
        """
        found = read(fate(status="4.4.1", text="the connection was refused"))
        [recipient] = found.recipients
        self.assertNotIn("remote-mta", recipient)
        self.assertEqual(
            "x-mailapp; the connection was refused", recipient["diagnostic-code"]
        )
        words = "Trying mx.example.org: the connection was refused (4.4.1)"
        self.assertIn(words, found.text)
        self.assertNotIn("said", found.text)

    def test_delay(self) -> None:
        """A delay says until when it is tried, and that nothing need be done."""
        found = read(
            fate(action=Action.DELAYED, status="4.4.1", retried_until=NOW + 86400)
        )
        [recipient] = found.recipients
        self.assertEqual("delayed", recipient["action"])
        self.assertEqual(
            "Mon, 10 Sep 2001 01:46:40 +0000", recipient["will-retry-until"]
        )
        self.assertIn("You need not do anything", found.text)
        self.assertNotIn("Nothing more will be tried", found.text)

    @rows(
        delivered=(Action.DELIVERED, "was delivered"),
        relayed=(Action.RELAYED, "sends no reports of success"),
        expanded=(Action.EXPANDED, "leads to several others"),
    )
    def test_success(self, action: Action, words: str) -> None:
        """Good news are no bad news in other words."""
        found = read(fate(action=action, status="2.1.5", text="", host=""))
        self.assertEqual(action.value, found.recipients[0]["action"])
        self.assertIn(words, found.text)
        self.assertNotIn("could not be delivered", found.text)

    def test_several(self) -> None:
        """One report for all; its subject tells of the worst."""
        found = read(fate(), fate(recipient=CAROL, action=Action.DELIVERED))
        self.assertEqual(
            ["failed", "delivered"], [one["action"] for one in found.recipients]
        )
        self.assertEqual(
            "Your message could not be delivered to 1 of 2 recipients",
            found.header["subject"],
        )

    def test_alias(self) -> None:
        """The sender reads the address that the sender wrote."""
        original = OriginalRecipient("rfc822", "friends@example.test")
        found = read(fate(original=original))
        self.assertIn(
            "  friends@example.test\n    (sent on to bob@example.org)", found.text
        )
        self.assertTrue(found.header["subject"].endswith(": friends@example.test"))


@tabled
class ReturnedTests(SynchronousTestCase):
    """What comes back of the message."""

    @rows(
        header=(Returned.HEADER, HEADER, "text/rfc822-headers", HEADER[:-2]),
        full=(Returned.FULL, HEADER + b"x\r\n", "message/rfc822", HEADER + b"x\r\n"),
        traces=(
            Returned.TRACES,
            HEADER,
            "text/rfc822-headers",
            b"Message-ID: <1@example.net>\r\nDate: Sun, 9 Sep 2001 01:46:39 +0000\r\n",
        ),
        no_header=(Returned.HEADER, b"\r\nbody", "text/rfc822-headers", b""),
        nothing=(Returned.HEADER, b"", "text/rfc822-headers", b""),
    )
    def test_seven_bit(
        self, returned: Returned, content: bytes, kind: str, expected: bytes
    ) -> None:
        """ASCII comes back as it is."""
        found = read(content=content, returned=returned)
        self.assertEqual(kind, found.returned)
        self.assertEqual(expected.rstrip(), found.content.rstrip())

    def test_traces(self) -> None:
        """RFC 8689, section 5: no metadata of what must travel encrypted."""
        octets = build(report(returned=Returned.TRACES))
        self.assertNotIn(b"Subject: =?", octets)
        self.assertNotIn("Grüße", read(returned=Returned.TRACES).text)
        self.assertNotIn(b"To: Bob", octets)

    def test_eight_bit_body(self) -> None:
        """A body with octets above 127 comes back as valid 7-bit MIME."""
        content = HEADER[:-2] + (
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
        )
        octets = build(report(content=content, returned=Returned.FULL))
        self.assertTrue(is_seven_bit(octets))
        self.assertIn(b"Gr=C3=BC=C3=9Fe", octets)

    @rows(utf8=(True, "message/global"), not_utf8=(False, "text/rfc822-headers"))
    def test_eight_bit_header(self, utf8: bool, kind: str) -> None:  # noqa: FBT001
        """A header that has no 7-bit form is encoded, and the body may be left out."""
        content = b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nbody\r\n"
        found = read(content=content, returned=Returned.FULL, utf8=utf8)
        self.assertEqual(kind, found.returned)
        self.assertEqual(content if utf8 else content[:18], found.content)

    def test_global_headers(self) -> None:
        """RFC 6533, section 4.3."""
        found = read(content=b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\n", utf8=True)
        self.assertEqual("message/global-headers", found.returned)

    def test_boundary(self) -> None:
        """A message that holds our boundary does not end the part."""
        content = HEADER + b"--report-R1-0\r\n--report-R1-0--\r\n--report-R1-1\r\n"
        found = read(content=content, returned=Returned.FULL)
        self.assertEqual(content.rstrip(), found.content.rstrip())


@tabled
class AddressTests(SynchronousTestCase):
    """Addresses beyond ASCII (RFC 6533)."""

    def test_utf8(self) -> None:
        """To a sender with SMTPUTF8 they are plain to read, in an encoded part."""
        original = OriginalRecipient("utf-8", "josé@example.org")
        octets = build(report(fate(recipient=JOSE, original=original), utf8=True))
        self.assertIn(b"Content-Type: message/global-delivery-status\r\n", octets)
        self.assertTrue(is_seven_bit(octets))
        [recipient] = read_report(octets).recipients
        self.assertEqual("utf-8; josé@example.org", recipient["final-recipient"])
        self.assertEqual("utf-8; josé@example.org", recipient["original-recipient"])

    def test_ascii(self) -> None:
        """To others they are escaped, and nothing is lost."""
        original = OriginalRecipient("utf-8", "josé@example.org")
        octets = build(report(fate(recipient=JOSE, original=original)))
        self.assertIn(b"Content-Type: message/delivery-status\r\n", octets)
        [recipient] = read_report(octets).recipients
        self.assertEqual("utf-8; jos\\x{E9}@example.org", recipient["final-recipient"])
        self.assertIn("josé@example.org", read_report(octets).text)

    def test_sender(self) -> None:
        """Only the header of a report to such an address is not ASCII."""
        octets = build(report(sender=JOSE, utf8=True))
        header, _, body = octets.partition(b"\r\n\r\n")
        self.assertIn("To: <josé@example.org>\r\n".encode(), header)
        self.assertTrue(is_seven_bit(body))


ANY = st.text(max_size=300)


@tabled
class RobustnessTests(SynchronousTestCase):
    """Whatever others have said."""

    @given(
        ANY, ANY, ANY, st.binary(max_size=300), st.sampled_from(Returned), st.booleans()
    )
    @settings(deadline=None, max_examples=80)
    @threat(17, 27)
    def test_anything(
        self,
        text: str,
        host: str,
        envelope_id: str,
        content: bytes,
        returned: Returned,
        utf8: bool,  # noqa: FBT001
    ) -> None:
        """A report is 7-bit, has its three parts, and no field that another made."""
        original = OriginalRecipient("rfc822", text)
        made = report(
            fate(text=text, host=host, original=original),
            envelope_id=envelope_id,
            content=content,
            returned=returned,
            utf8=utf8,
        )
        octets = build(made)
        self.assertTrue(is_seven_bit(octets), octets)
        found = read_report(octets)
        self.assertEqual(
            {"original-envelope-id", "reporting-mta", "arrival-date"},
            set(found.message),
        )
        [recipient] = found.recipients
        self.assertLessEqual(
            set(recipient),
            {
                "original-recipient",
                "final-recipient",
                "action",
                "status",
                "remote-mta",
                "diagnostic-code",
                "last-attempt-date",
            },
        )

    @rows(
        crlf="a\r\nBcc: x@example.org",
        nul="a\0b",
        escape="\x1b[2Jgone",
        separator="a\u2028b",
    )
    @threat(17)
    def test_controls(self, text: str) -> None:
        """What a server said makes no line of its own, nor moves a cursor."""
        octets = build(report(fate(text=text)))
        self.assertNotIn(b"\nBcc:", octets)
        self.assertNotIn("\x1b", read_report(octets).text)
        self.assertNotIn("\0", read_report(octets).text)

    @rows(
        exact=("5.1.1", "There is no mailbox of that name."),
        by_subject=("5.1.99", "The address is not accepted there."),
        temporary=("4.2.2", "The mailbox is full."),
        ten=("5.1.10", "This domain receives no mail at all."),
        unknown=("5.0.0", "The server gave no reason that is known."),
        odd=("", "The server gave no reason that is known."),
    )
    def test_cases(self, status: str, what: str) -> None:
        """The plain words for a status: of its detail, else of its subject."""
        self.assertEqual(what, case_of(status).what)
