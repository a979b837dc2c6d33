"""The grammar of POP3 commands."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop3.grammar import (
    Apop,
    Auth,
    Capa,
    Command,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    parse_command,
)
from tests.rows import rows, tabled
from tests.threats import threat

DIGEST = b"c4c9334bac560ecc979e58001b3e22fb"


@tabled
class AcceptedTests(SynchronousTestCase):
    """What is a command."""

    @rows(
        user=(b"USER mrose", User(b"mrose")),
        user_address=(b"USER m@example.test", User(b"m@example.test")),
        user_utf8=("USER j\xf6rg".encode(), User("j\xf6rg".encode())),
        password=(b"PASS secret", Pass(Secret(b"secret"))),
        password_with_spaces=(b"PASS  a  b ", Pass(Secret(b" a  b "))),
        apop=(b"APOP mrose " + DIGEST, Apop(b"mrose", DIGEST)),
        auth=(b"AUTH", Auth()),
        auth_mechanism=(b"AUTH plain", Auth("PLAIN")),
        auth_initial=(b"AUTH PLAIN AGEAYg==", Auth("PLAIN", b"\0a\0b")),
        auth_empty=(b"AUTH EXTERNAL =", Auth("EXTERNAL", b"")),
        stls=(b"STLS", Stls()),
        capa=(b"CAPA", Capa()),
        utf8=(b"utf8", Utf8()),
        lang=(b"LANG", Lang()),
        lang_preferred=(b"LANG *", Lang("*")),
        lang_tag=(b"LANG de-Latn-1996", Lang("de-Latn-1996")),
        quit=(b"QUIT", Quit()),
        stat=(b"STAT", Stat()),
        list=(b"LIST", List()),
        list_one=(b"LIST 2", List(2)),
        retr=(b"RETR 12", Retr(12)),
        retr_zero=(b"RETR 0", Retr(0)),
        dele=(b"DELE 3", Dele(3)),
        noop=(b"NOOP", Noop()),
        rset=(b"RSET", Rset()),
        top=(b"TOP 1 0", Top(1, 0)),
        uidl=(b"UIDL", Uidl()),
        uidl_one=(b"UIDL 7", Uidl(7)),
        lower_case=(b"retr 1", Retr(1)),
        mixed_case=(b"tOp 1 2", Top(1, 2)),
        huge_number=(b"RETR " + b"9" * 240, Retr(int("9" * 240))),
    )
    def test_accepted(self, line: bytes, command: Command) -> None:
        """The line is this command."""
        self.assertEqual(command, parse_command(line))


@tabled
class RefusedTests(SynchronousTestCase):
    """What is none."""

    @rows(
        empty=b"",
        space=b" ",
        leading_space=b" STAT",
        unknown=b"XYZZY",
        longer=b"STATS",
        argument=b"STAT 1",
        trailing_space=b"NOOP ",
        no_name=b"USER",
        empty_name=b"USER ",
        two_names=b"USER a b",
        no_password=b"PASS",
        empty_password=b"PASS ",
        no_number=b"RETR",
        empty_number=b"RETR ",
        two_spaces=b"RETR  1",
        negative=b"RETR -1",
        plus=b"RETR +1",
        underscore=b"RETR 1_0",
        hexadecimal=b"RETR 0x1",
        fullwidth="RETR \uff11".encode(),
        two_numbers=b"DELE 1 2",
        top_without_lines=b"TOP 1",
        top_negative=b"TOP 1 -1",
        top_three=b"TOP 1 2 3",
        apop_without_digest=b"APOP a",
        apop_upper_case=b"APOP a " + DIGEST.upper(),
        apop_short=b"APOP a " + DIGEST[1:],
        auth_space=b"AUTH ",
        auth_mechanism_too_long=b"AUTH " + b"A" * 21,
        auth_bad_base64=b"AUTH PLAIN !",
        auth_padding_inside=b"AUTH PLAIN AAA=BBB=",
        auth_padding_first=b"AUTH PLAIN =AAA",
        auth_not_canonical=b"AUTH PLAIN AB==",
        auth_empty_initial=b"AUTH PLAIN ",
        bare_lf=b"STAT\nDELE 1",
    )
    @threat(58, 64)
    def test_refused(self, line: bytes) -> None:
        """The line is refused with a reason that repeats nothing of it."""
        with self.assertRaises(SyntaxProblem) as caught:
            parse_command(line)
        self.assertTrue(caught.exception.reason.isascii())

    @threat(58)
    def test_every_octet(self) -> None:
        """A name takes 0x21 to 0x7E and 8-bit octets; a password the space as well."""
        controls = {*range(32), 127}
        for octet in range(256):
            for line, refused in (
                (b"USER a%cb", controls | {32}),
                (b"PASS a%cb", controls),
            ):
                try:
                    parse_command(line % octet)
                except SyntaxProblem:
                    self.assertIn(octet, refused)
                else:
                    self.assertNotIn(octet, refused)


class PropertyTests(SynchronousTestCase):
    """For any octets."""

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_any_line(self, line: bytes) -> None:
        """Nothing but a SyntaxProblem is raised."""
        with contextlib.suppress(SyntaxProblem):
            parse_command(line)

    @settings(deadline=None)
    @given(
        st.sampled_from([b"USER", b"PASS", b"APOP", b"AUTH", b"TOP", b"LIST", b"DELE"]),
        st.binary(max_size=60),
    )
    def test_any_argument(self, verb: bytes, argument: bytes) -> None:
        """The same behind a good keyword."""
        with contextlib.suppress(SyntaxProblem):
            parse_command(verb + b" " + argument)

    def test_secrets_do_not_show(self) -> None:
        """No repr of a command tells a password, digest or response."""
        for line in (b"PASS hunter2", b"AUTH PLAIN AGh1bnRlcjI=", b"APOP a " + DIGEST):
            shown = repr(parse_command(line))
            self.assertNotIn("hunter2", shown)
            self.assertNotIn("c4c9", shown)
