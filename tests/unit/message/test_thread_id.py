"""THREADID: what belongs together has one, wherever it lies."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.imap_facts import Item, facts_of
from tests.rows import rows, tabled

_FIRST = b"Message-ID: <1@a>\r\nSubject: one\r\n\r\n"


def thread(octets: bytes) -> bytes:
    """The THREADID of a message."""
    return facts_of(octets, [Item.THREAD_ID])[Item.THREAD_ID]


@tabled
class ThreadIdTests(SynchronousTestCase):
    """RFC 8474, section 5.2."""

    @rows(
        reply=b"Message-ID: <2@a>\r\nReferences: <1@a>\r\n",
        deeper=b"Message-ID: <3@a>\r\nReferences: <1@a>\r\n <2@a>\r\n",
        both=b"Message-ID: <3@a>\r\nReferences: <1@a> <2@a>\r\nIn-Reply-To: <2@a>\r\n",
        in_reply_to=b"message-id: <2@a>\r\nIn-Reply-To: <1@a>\r\n",
        quoted=b'References: <"1"@a> <7@a>\r\n',
        no_id=b"References: nonsense <1@a>\r\n",
        copy=_FIRST,
        many=b"References: <1@a>\r\n" + b" <x@b>\r\n" * 1200,
    )
    def test_together(self, header: bytes) -> None:
        """A reply is in the thread of the oldest message that it names."""
        self.assertEqual(thread(header + b"\r\nText.\r\n"), thread(_FIRST))
        self.assertRegex(thread(_FIRST), rb"\A\(T[A-Za-z0-9_-]{20}\)\Z")

    @rows(
        other=b"Message-ID: <2@a>\r\n",
        case=b"Message-ID: <1@A>\r\n",
        subject=b"Subject: one\r\n",
        no_ids=b"Message-ID: 1\r\nReferences: <>\r\n",
        nothing=b"",
        long=b"Subject: " + b"x" * 100_000 + b"\r\n",
    )
    def test_apart(self, header: bytes) -> None:
        """What names none of them is in a thread with its copies alone."""
        message = header + b"\r\nText.\r\n"
        self.assertNotEqual(thread(message), thread(_FIRST))
        self.assertEqual(thread(message), thread(message))

    def test_alone(self) -> None:
        """Two without a Message ID are not together, however much they are alike."""
        self.assertNotEqual(thread(b"X: 1\r\n\r\n"), thread(b"X: 2\r\n\r\n"))
        self.assertEqual(thread(b"X: 1\r\n\r\na"), thread(b"X: 1\r\n\r\nb"))
