"""Tests of mailapp.moving.mbox: files as programs write them, and as we do."""

from __future__ import annotations

import mailbox
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.line_ends import ToWire
from mailapp.moving.mbox import is_mbox, messages
from mailapp.moving.mbox_lines import added_by_us, date_of, quoted, unquoted
from mailapp.moving.mbox_target import Lines, from_line
from mailapp.moving.window import Window
from tests.rows import rows, tabled

FROM = b"From a@example.net Mon Nov 23 13:05:13 2026\n"
AT = 1795439113
Found = tuple[bytes, frozenset[str], int | None]
_FLAGS = st.frozensets(
    st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"])
    | st.from_regex(r"[$A-Za-z0-9._-]{1,9}", fullmatch=True)
)
_TEXT = st.lists(
    st.sampled_from(
        [
            b"\n", b"\r", b"\r\n", b"\n\n", b"From ", b">From ", b">>From ", b">",
            FROM, b"From \r\n", b"Status: RO\r\n", b"Content-Length: 3\r\n",
            b"X-Mailapp-Export: open, 1\r\n", b"Subject: x\r\n", b"\0", b"\xff",
        ]
    )
    | st.binary(max_size=9),
    max_size=30,
).map(b"".join)  # fmt: skip


class Octets:
    """A file in memory."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def read(self, start: int, length: int) -> bytes:
        """See mailapp.moving.window.File."""
        return self._octets[start : start + length]


def found(octets: bytes, block: int = 256 * 1024) -> list[Found]:
    """The messages of a file."""
    return [
        (b"".join(each.chunks), each.flags, each.received)
        for each in messages(Window(Octets(octets), block))
        if not each.left_out
    ]


@tabled
class MboxTests(SynchronousTestCase):
    """Files of other programs."""

    @rows(
        mboxo=(FROM + b"A: b\n\n>From me\nx\n\n", [b"A: b\n\nFrom me\nx\n"]),
        mboxrd=(FROM + b"A: b\n\n>>From me\n\n", [b"A: b\n\n>From me\n"]),
        mboxcl2=(
            FROM
            + b"Content-Length: 47\nA: b\n\n"
            + FROM
            + b"x\n\n\n"
            + FROM
            + b"C: d\n",
            [b"A: b\n\n" + FROM + b"x\n\n", b"C: d\n"],
        ),
        mboxcl2_keeps_quotes=(
            FROM + b"A: b\nContent-Length: 9\n\n>From me\n\n",
            [b"A: b\n\n>From me\n"],
        ),
        wrong_length=(
            FROM + b"Content-Length: 4000\n\nx\n\n" + FROM + b"\ny\n",
            [b"\nx\n", b"\ny\n"],
        ),
        crlf=(
            FROM[:-1] + b"\r\nA: b\r\n\r\nx\r\n\r\n" + FROM[:-1] + b"\r\n\r\ny",
            [b"A: b\r\n\r\nx\r\n", b"\r\ny"],
        ),
        no_blank_line=(FROM + b"\nx\n" + FROM + b"\ny\n", [b"\nx\n", b"\ny\n"]),
        no_body=(FROM + b"A: b\n\n" + FROM + b"C: d\n\n", [b"A: b\n\n", b"C: d\n\n"]),
        no_date_in_body=(FROM + b"\nx\nFrom \ny\n", [b"\nx\nFrom \ny\n"]),
        thunderbird=(
            b"From \nA: b\n\nx\n\nFrom \r\nC: d\n",
            [b"A: b\n\nx\n", b"C: d\n"],
        ),
        prose=(FROM + b"\n\nFrom Monday to Friday at 13:05\n", None),
        pine=(FROM + b"X-IMAP: 1 2\nA: b\n\nx\n\n" + FROM + b"\ny\n", [b"\ny\n"]),
        expunged=(
            FROM + b"X-Mozilla-Status: 0009\n\nx\n\n" + FROM + b"\ny\n",
            [b"\ny\n"],
        ),
        before_the_first=(b"\n\n" + FROM + b"\ny\n", [b"\ny\n"]),
        nothing=(b"", []),
        no_mail=(b"Dear Alice,\n", []),
    )
    def test_messages(self, octets: bytes, texts: list[bytes] | None) -> None:
        """Messages begin and end where their authors meant it."""
        if texts is None:
            texts = [octets[len(FROM) :]]
        for block in (16, 64, 256 * 1024):
            self.assertEqual([text for text, *_ in found(octets, block)], texts)

    @rows(
        status=(b"Status: RO", {"\\Seen"}),
        old=(b"Status: O", set()),
        x_status=(
            b"X-Status: AFTD",
            {"\\Answered", "\\Flagged", "\\Draft", "\\Deleted"},
        ),
        keywords=(b"X-Keywords: a $b\n  c   ", {"a", "$b", "c"}),
        mozilla=(
            b"X-Mozilla-Status: 1007",
            {"\\Seen", "\\Answered", "\\Flagged", "$Forwarded"},
        ),
        mozilla_keys=(b"X-Mozilla-Keys: $label1 NonJunk      ", {"$label1", "NonJunk"}),
        any_case=(b"STATUS:RO", {"\\Seen"}),
        nonsense=(b"X-Mozilla-Status: zz", set()),
    )
    def test_fields(self, field: bytes, flags: set[str]) -> None:
        """Fields of the file become flags, and are none of the message."""
        octets = FROM + b"A: b\n" + field + b"\nC: d\n\nx\n"
        self.assertEqual(found(octets), [(b"A: b\nC: d\n\nx\n", frozenset(flags), AT)])

    @rows(
        asctime=(b"From a Mon Nov 23 13:05:13 2026", AT),
        no_seconds=(b"From a Mon Nov 23 13:05 2026", AT - 13),
        zone_name=(b"From a Mon Nov 23 13:05:13 UTC 2026", AT),
        gmail=(b"From 15@xxx Mon Nov 23 13:05:13 +0100 2026", AT - 3600),
        zone_behind=(b"From a Mon Nov 23 13:05:13 2026 -0130", AT + 5400),
        rfc_822=(b"From a Mon, 23 Nov 2026 13:05:13 +0000", AT),
        remote=(b"From a Mon Nov 23 13:05:13 2026 remote from b", AT),
        no_year=(b"From a Mon Nov 23 13:05:13", None),
        no_month=(b"From a Mon Nok 23 13:05:13 2026", None),
        prose=(b"From here on", None),
    )
    def test_date(self, line: bytes, seconds: int | None) -> None:
        """The date is UTC unless it tells."""
        self.assertEqual(date_of(line), seconds)
        self.assertEqual(is_mbox(line + b"\n"), seconds is not None)

    def test_long_lines(self) -> None:
        """A line longer than what is in memory is taken as it is."""
        text = b"A: " + b"x" * 700_000 + b"\n\n>From " + b"y" * 700_000 + b"\nz\n"
        octets = FROM + text + b"\n" + FROM + b"\ny\n"
        self.assertEqual(found(octets)[0][0], text.replace(b">From", b"From"))
        self.assertEqual(len(found(octets)), 2)

    def test_python(self) -> None:
        """What Python's mailbox module writes is read."""
        path = Path(self.mktemp())
        box = mailbox.mbox(path)
        bodies = [b"Subject: 1\n\nx\nFrom y\n", b"Subject: 2\n\n", b"Subject: 3\n\nz"]
        for body in bodies:
            message = mailbox.mboxMessage(body)
            message.set_flags("RFA")
            message.set_from("a@b", (2026, 11, 23, 13, 5, 13, 0, 0, 0))
            box.add(message)
        box.close()
        flags = frozenset({"\\Seen", "\\Flagged", "\\Answered"})
        bodies[2] += b"\n"
        self.assertEqual(
            found(path.read_bytes()), [(body, flags, AT) for body in bodies]
        )

    @given(_TEXT)
    @settings(deadline=None, max_examples=40)
    def test_any_file(self, text: bytes) -> None:
        """No file is too bad, and where it is cut into blocks changes nothing."""
        self.assertEqual(found(FROM + text, 16), found(FROM + text))
        self.assertEqual(unquoted(quoted(text)), text)

    def test_latest_date(self) -> None:
        """All dates of the store can be written and read; later ones are the last."""
        latest = 2**32 - 1
        self.assertEqual(date_of(from_line(latest).rstrip()), latest)
        self.assertEqual(date_of(b"From a@b Fri Dec 31 23:59:59 2106"), latest)

    @given(
        st.lists(st.tuples(_TEXT, _FLAGS, st.integers(0, 2**32 - 1)), max_size=4),
        st.data(),
    )
    @settings(deadline=None, max_examples=40)
    def test_export(
        self, given_: list[tuple[bytes, frozenset[str], int]], data: st.DataObject
    ) -> None:
        """What we write we read: the same octets, flags, keywords and time."""
        written, wanted = [], []
        for text, flags, received in given_:
            wire = ToWire().convert(text)
            lines, cut = Lines(), data.draw(st.integers(0, len(wire)))
            whole = wire.endswith(b"\n")
            written += [
                from_line(received),
                added_by_us(flags, received, whole=whole),
                lines.convert(wire[:cut]),
                lines.convert(wire[cut:]),
                lines.rest(),
                b"\n" if whole else b"\n\n",
            ]
            wanted.append((wire, flags, received))
        octets = b"".join(written)
        self.assertEqual(found(octets, 64), wanted)
        self.assertEqual(found(octets), wanted)
