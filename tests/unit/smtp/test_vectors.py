"""The transcripts of RFC 5321, appendix D, and every wrong end of data."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import Connection, Session
from mailapp.core.peer import Peer
from mailapp.smtp.protocol import compose_smtp
from tests.play import CUTS, Cut, octetwise, play, whole
from tests.rows import rows, tabled
from tests.svt import TRANSCRIPTS, load, unescape
from tests.threats import threat
from tests.unit.smtp.ledger import PROFILE, Ledger, Rules, begin, codes, dial

VECTORS = {vector.id: vector for vector in load("smtp_rfc5321_appD.svt")}


@tabled
class AppendixDTests(SynchronousTestCase):
    """The RFC's own dialogues, at every cut."""

    def _play(self, name: str, cut: Cut) -> Ledger:
        vector = VECTORS[name]
        alias, _, target = vector.fixture("alias").partition(":")
        users = vector.fixture("users", "Jones").split(",")
        # D.3: as a lower MX of xyz.com we take its mail as we take our own
        ledger = Ledger(
            domain=vector.fixture("relay-for", vector.fixture("domain")).lower(),
            users=users,
            aliases={alias: [target]} if alias else {},
        )
        verify = vector.fixture("vrfy") == "on"
        profile = evolve(PROFILE, verify=verify, queue=True)

        def compose(peer: Peer) -> tuple[Connection, Session]:
            return compose_smtp(
                profile, ledger, Rules(), now=lambda: 0.0, token=lambda: "t"
            )(peer)

        wire = play(vector, compose, cut)
        self.assertTrue(wire.closed)
        self.assertEqual(ledger.open_bodies, [])
        return ledger

    @rows(**{name.replace(" ", "_"): (cut,) for name, cut in CUTS.items()})
    def test_d1(self, cut: Cut) -> None:
        """D.1: Jones and Brown have it, Green was refused."""
        (stored,) = self._play("smtp.rfc5321.D1", cut).stored
        self.assertEqual(stored.recipients, ["Jones@foo.com", "Brown@foo.com"])
        self.assertEqual(str(stored.envelope.reverse_path), "Smith@bar.com")
        self.assertEqual(stored.envelope.helo, "bar.com")

    @rows(**{name.replace(" ", "_"): (cut,) for name, cut in CUTS.items()})
    def test_d1_dots(self, cut: Cut) -> None:
        """D.1 with section 4.5.2: one of three dots is taken away."""
        (stored,) = self._play("smtp.rfc5321.D1.dot-check", cut).stored
        expected = VECTORS["smtp.rfc5321.D1.dot-check"].fixture("expect-body")
        self.assertEqual(stored.content, unescape(expected).encode())

    @rows(**{name.replace(" ", "_"): (cut,) for name, cut in CUTS.items()})
    def test_d2(self, cut: Cut) -> None:
        """D.2: RSET, and nobody has anything."""
        self.assertEqual(self._play("smtp.rfc5321.D2", cut).stored, [])

    @rows(**{name.replace(" ", "_"): (cut,) for name, cut in CUTS.items()})
    def test_d3(self, cut: Cut) -> None:
        """D.3, the first step: a domain in capitals is the same domain."""
        (stored,) = self._play("smtp.rfc5321.D3.step1", cut).stored
        self.assertEqual(stored.recipients, ["Jones@xyz.com"])

    @rows(**{name.replace(" ", "_"): (cut,) for name, cut in CUTS.items()})
    def test_d4(self, cut: Cut) -> None:
        """D.4: VRFY tells the mailbox where the administrator allows it."""
        (stored,) = self._play("smtp.rfc5321.D4", cut).stored
        self.assertEqual(stored.recipients, ["Admin.MRC@foo.com"])

    @threat(19)
    def test_d4_by_default(self) -> None:
        """With the safe default VRFY says 252 to all, and asks nobody."""
        ledger = Ledger(users=["Admin.MRC"], aliases={"Crispin": ["Admin.MRC"]})
        wire = dial(ledger)
        answers = set()
        for name in (b"Crispin", b"nobody", b"Admin.MRC@foo.com", b"x@y"):
            wire.feed(b"VRFY " + name + b"\r\n")
            answers.add(wire.take())
        self.assertEqual({answer[:3] for answer in answers}, {b"252"})
        self.assertEqual(len(answers), 1)
        self.assertEqual(ledger.asked, 0)


def _bad_ends() -> dict[str, tuple[bytes]]:
    text = (TRANSCRIPTS / "smtp_bad_eod.tsv").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return {
        f"row_{number}": (unescape(line.partition("\t")[0]).encode("latin-1"),)
        for number, line in enumerate(lines, 1)
    }


_SMUGGLED = (
    b"MAIL FROM:<evil@bar.com>\r\nRCPT TO:<Brown@foo.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nx\r\n.\r\n"
)


@tabled
class BadEndTests(SynchronousTestCase):
    """What must not be taken for CRLF.CRLF (CVE-2023-51764 and its kin)."""

    def test_all_rows_are_there(self) -> None:
        """The file was read."""
        self.assertEqual(len(_bad_ends()), 23)

    @threat(1, 2)
    @rows(**_bad_ends())
    def test_smuggling(self, sequence: bytes) -> None:
        """No second message comes out, and what is spoilt is not stored."""
        spoilt = sequence.count(b"\r\n") != sequence.count(b"\n") or (
            sequence.count(b"\r\n") != sequence.count(b"\r") or b"\0" in sequence
        )
        for cut in (whole, octetwise):
            ledger = Ledger()
            wire = dial(ledger)
            begin(wire)
            wire.feed(b"Subject: a\r\n\r\ntext" + sequence + _SMUGGLED, cut)
            replies = wire.take()
            self.assertEqual(len(ledger.open_bodies), 0)
            if b"\r\n.\r\n" in sequence:
                # a real end: the message is refused, and the second transaction is
                # what it looks like: a group that sends content ahead of 354
                self.assertEqual(replies[:9], b"550 5.6.0")
                if cut is whole:
                    self.assertEqual(codes(replies), [550, 250, 250, 503])
                    self.assertEqual(ledger.stored, [])
            elif spoilt:
                self.assertEqual(replies[:9], b"550 5.6.0")
                self.assertEqual(codes(replies), [550])
                self.assertEqual(ledger.stored, [])
            else:
                # only octets that are no line ends at all: one message, as it is
                self.assertEqual(codes(replies), [250])
                (stored,) = ledger.stored
                self.assertEqual(stored.recipients, ["Jones@foo.com"])
                self.assertIn(b"MAIL FROM:<evil@bar.com>\r\n", stored.content)
