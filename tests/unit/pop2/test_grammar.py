"""POP2 commands (RFC 937, pages 6, 12, 15 and 16)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop2.grammar import (
    Ackd,
    Acks,
    Command,
    Fold,
    Helo,
    Nack,
    Quit,
    Read,
    Retr,
    encode_command,
    parse_command,
    quote,
    unquote,
)
from tests.rows import rows, tabled
from tests.svt import TRANSCRIPTS, unescape

_LEGAL = bytes(octet for octet in range(1, 127) if octet not in b"\r\n")
_words = st.lists(st.sampled_from(_LEGAL), min_size=1, max_size=80).map(bytes)
_commands = st.one_of(
    st.builds(Helo, _words, st.builds(Secret, _words)),
    st.builds(Fold, _words),
    st.builds(Read, st.none() | st.integers(0, 10**10 - 1)),
    st.sampled_from([Retr(), Acks(), Ackd(), Nack(), Quit()]),
)


def shown(command: Command) -> str:
    """As the table has it: the verb, then its arguments."""
    match command:
        case Helo():
            words = [command.user, command.password.reveal()]
        case Fold():
            words = [command.mailbox]
        case Read(int(number)):
            words = [b"%d" % number]
        case _:
            words = [b""]
    verb = type(command).__name__.upper()
    return "|".join([verb, *(word.decode("latin-1") for word in words)])


@tabled
class GrammarTests(SynchronousTestCase):
    """One line to one value."""

    def test_table(self) -> None:
        """All rows of tests/transcripts/pop2_grammar.tsv."""
        text = (TRANSCRIPTS / "pop2_grammar.tsv").read_text("utf-8")
        played = 0
        for row in text.splitlines():
            if row.startswith("# "):
                continue
            # the backslash is POP2's own; only \xHH is an escape of the table
            line, verdict, *rest = row.split("\t")
            octets = _octets(line)
            played += 1
            if verdict == "bad":
                with self.assertRaises(SyntaxProblem, msg=row):
                    parse_command(octets)
            else:
                self.assertEqual(rest[0], shown(parse_command(octets)), row)
        self.assertEqual(41, played)

    @rows(
        hello=(b"HELLO a b", Helo(b"a", Secret(b"b"))),
        folder=(b"folder A/B", Fold(b"A/B")),
        retrieve=(b"Retrieve", Retr()),
        save=(b"SAVE", Acks()),
        delete=(b"DELETE", Ackd()),
    )
    def test_long_names(self, line: bytes, command: Command) -> None:
        """The long names mean the short ones."""
        self.assertEqual(command, parse_command(line))

    @rows(
        word=(False, bytes(range(0x21, 0x7F)).replace(b"\\", b"")),
        string=(True, bytes(range(0x20, 0x7F)).replace(b"\\", b"")),
    )
    def test_octets(self, spaces: bool, legal: bytes) -> None:  # noqa: FBT001 - a row
        """Of all 256 octets these stand unquoted, and those that may be quoted do."""
        for octet in range(256):
            text = bytes([octet])
            if octet in legal:
                self.assertEqual(text, unquote(text, spaces=spaces))
            else:
                with self.assertRaises(SyntaxProblem):
                    unquote(text, spaces=spaces)
            if octet in _LEGAL:
                self.assertEqual(text, unquote(b"\\" + text, spaces=spaces))
            else:
                with self.assertRaises(SyntaxProblem):
                    unquote(b"\\" + text, spaces=spaces)
                with self.assertRaises(SyntaxProblem):
                    quote(text, spaces=spaces)

    def test_too_long(self) -> None:
        """No line over 512 octets is made (RFC 937, page 12)."""
        self.assertEqual(512, len(encode_command(Fold(b"x" * 505))))
        with self.assertRaises(SyntaxProblem):
            encode_command(Fold(b"x" * 506))

    def test_secret(self) -> None:
        """A password does not show itself."""
        self.assertNotIn("hunter2", repr(parse_command(b"HELO fred hunter2")))

    @given(_commands)
    def test_round_trip(self, command: Command) -> None:
        """What is written is read back, whatever the arguments hold."""
        self.assertEqual(command, parse_command(encode_command(command)[:-2]))

    @given(st.binary(max_size=520))
    def test_any_octets(self, line: bytes) -> None:
        """No line raises anything but a problem of syntax."""
        for start in (b"", b"HELO ", b"FOLD ", b"READ "):
            try:
                parse_command(start + line)
            except SyntaxProblem as problem:
                self.assertTrue(problem.reason.isascii())


def _octets(line: str) -> bytes:
    """Only hexadecimal escapes."""
    parts = line.split("\\x")
    octets = parts[0].encode("latin-1")
    for part in parts[1:]:
        octets += unescape("\\x" + part[:2]).encode("latin-1") + part[2:].encode()
    return octets
