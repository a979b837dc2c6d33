"""Commands to values: what is accepted, and what is refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core import abnf
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.imap.grammar.command import Tagged, parse_command, tag_of
from mailapp.imap.grammar.values.commands import (
    Authenticate,
    Capability,
    Command,
    Compress,
    Copy,
    Create,
    Enable,
    Expunge,
    GetQuota,
    Id,
    List,
    Login,
    Lsub,
    MailboxName,
    MailboxStatus,
    Move,
    Noop,
    Qresync,
    Rename,
    Select,
    SetQuota,
    Store,
)
from mailapp.imap.grammar.values.listing import ListReturn, ListSelection, StatusItem
from mailapp.imap.grammar.values.sets import SAVED, SequenceSet
from mailapp.storage.types import FlagMode
from tests.rows import rows, tabled
from tests.threats import threat

INBOX = MailboxName("INBOX")
WORK = MailboxName("Work")
ONE = SequenceSet(((1, 1),))


def parsed(octets: bytes, *, utf8: bool = False) -> Command:
    """The value of a command behind a tag."""
    return parse_command(b"t " + octets, utf8=utf8).command


def refused(octets: bytes, *, utf8: bool = False) -> bool:
    """Is there no such command?"""
    try:
        parsed(octets, utf8=utf8)
    except SyntaxProblem:
        return True
    return False


@tabled
class CommandTests(SynchronousTestCase):
    """RFC 9051, section 9."""

    @rows(
        capability=(b"cApAbIlItY", Capability()),
        noop=(b"NOOP", Noop()),
        id=(b'ID ("name" "x" "os" NIL)', Id(((b"name", b"x"), (b"os", None)))),
        id_empty=(b"ID ()", Id()),
        login=(b"LOGIN u {3}\r\np w", Login(b"u", Secret(b"p w"))),
        login_quoted=(rb'LOGIN "a\"\\b" ""', Login(b'a"\\b', Secret(b""))),
        login_bracket=(b"LOGIN u] ~x", Login(b"u]", Secret(b"~x"))),
        auth=(b"AUTHENTICATE plain", Authenticate("PLAIN")),
        auth_initial=(b"AUTHENTICATE PLAIN AHUAcA==", Authenticate("PLAIN", b"\0u\0p")),
        auth_empty=(b"AUTHENTICATE EXTERNAL =", Authenticate("EXTERNAL", b"")),
        enable=(b"ENABLE condstore X-y", Enable((b"CONDSTORE", b"X-Y"))),
        select=(b"SELECT inBox", Select(INBOX)),
        select_quoted=(b'SELECT "Work"', Select(WORK)),
        examine=(
            b"EXAMINE Work (CONDSTORE)",
            Select(WORK, read_only=True, condstore=True),
        ),
        qresync=(
            b"SELECT Work (QRESYNC (67890007 20050715194045000 41:43,211"
            b" (1,3:4 41:43)))",
            Select(
                WORK,
                qresync=Qresync(
                    67890007,
                    20050715194045000,
                    ((41, 43), (211, 211)),
                    (((1, 1), (3, 4)), ((41, 43),)),
                ),
            ),
        ),
        qresync_match=(
            b"SELECT Work (QRESYNC (1 2 (1 1)))",
            Select(WORK, qresync=Qresync(1, 2, None, (((1, 1),), ((1, 1),)))),
        ),
        create=(
            b"CREATE Work (USE (\\Sent \\Drafts))",
            Create(WORK, ("\\Sent", "\\Drafts")),
        ),
        rename=(b"RENAME Work INBOX", Rename(WORK, INBOX)),
        list=(b'LIST "" *', List("", ("*",))),
        list_atoms=(b"LIST ~/Mail/ %.x]", List("~/Mail/", ("%.x]",))),
        list_extended=(
            b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (a "b*") RETURN (CHILDREN STATUS'
            b" (MESSAGES UNSEEN))",
            List(
                "",
                ("a", "b*"),
                frozenset({ListSelection.SUBSCRIBED, ListSelection.RECURSIVEMATCH}),
                frozenset({ListReturn.CHILDREN}),
                (StatusItem.MESSAGES, StatusItem.UNSEEN),
                extended=True,
            ),
        ),
        list_return=(b'LIST () "" % RETURN ()', List("", ("%",), extended=True)),
        lsub=(b'LSUB "" %', Lsub("", "%")),
        status=(
            b"STATUS Work (SIZE MESSAGES SIZE)",
            MailboxStatus(WORK, (StatusItem.SIZE, StatusItem.MESSAGES)),
        ),
        compress=(b"COMPRESS deflate", Compress()),
        quota=(b'GETQUOTA ""', GetQuota("")),
        set_quota=(b'SETQUOTA "" (STORAGE 512)', SetQuota("", ((b"STORAGE", 512),))),
        expunge=(b"EXPUNGE", Expunge()),
        uid_expunge=(b"UID EXPUNGE $", Expunge(SAVED)),
        copy=(b"COPY 1 Work", Copy(ONE, WORK)),
        uid_move=(
            b"uid move 1:*,7 INBOX",
            Move(SequenceSet(((1, 0), (7, 7))), INBOX, by_uid=True),
        ),
        store=(
            rb"STORE 1 +flags.silent (\seen $Junk)",
            Store(ONE, FlagMode.ADD, frozenset({r"\Seen", "$Junk"}), silent=True),
        ),
        store_bare=(
            rb"STORE 1 (UNCHANGEDSINCE 0) FLAGS \Deleted x",
            Store(
                ONE,
                FlagMode.REPLACE,
                frozenset({r"\Deleted", "x"}),
                unchanged_since=0,
            ),
        ),
        store_none=(b"STORE 1 FLAGS ()", Store(ONE, FlagMode.REPLACE, frozenset())),
    )
    def test_accepted(self, octets: bytes, command: Command) -> None:
        """Each command is one value."""
        self.assertEqual(command, parsed(octets))

    @rows(
        trailing=b"NOOP ",
        two_spaces=b"LOGIN  u p",
        missing=b"LOGIN u",
        unknown=b"FROBNICATE",
        uid_unknown=b"UID NOOP",
        literal8=b"LOGIN u ~{1}\r\np",
        short_literal=b"LOGIN u {2}\r\np",
        long_literal=b"LOGIN u {1}\r\npp",
        nul_in_literal=b"LOGIN u {1}\r\n\0",
        base64=b"AUTHENTICATE PLAIN AHUAc",
        zero=b"COPY 0 x",
        leading_zero=b"COPY 01 x",
        set_too_large=b"COPY 4294967296 x",
        set_empty=b"COPY , x",
        set_open=b"COPY 1: x",
        set_three=b"COPY 1:2:3 x",
        set_dollar=b"COPY $,1 x",
        enable_nothing=b"ENABLE",
        recursive=b'LIST (RECURSIVEMATCH) "" *',
        list_no_pattern=b'LIST "" ()',
        status_nothing=b"STATUS x ()",
        qresync_star=b"SELECT x (QRESYNC (1 2 1:*))",
        qresync_uneven=b"SELECT x (QRESYNC (1 2 (1:2 1)))",
        recent=rb"STORE 1 FLAGS \Recent",
        star_flag=rb"STORE 1 FLAGS (\*)",
        open=b"STORE 1 FLAGS (",
        compress=b"COMPRESS LZW",
        line_end=b"NOOP\n",
    )
    def test_refused(self, octets: bytes) -> None:
        """What breaks the grammar is no command."""
        self.assertTrue(refused(octets))

    @threat(58)
    def test_octets_of_atoms(self) -> None:
        """Every octet in an atom, as the ABNF has it (RFC 9051, section 9)."""
        special = frozenset(b'(){%*"\\] ') | abnf.CTL
        for octet in range(256):
            allowed = octet < 128 and octet not in special
            command = b"STORE 1 FLAGS a" + bytes([octet]) + b"b"
            if octet != ord(" "):  # it separates two
                self.assertEqual(allowed, not refused(command), octet)
            # ASTRING-CHAR has "]" in addition
            command = b"LOGIN a" + bytes([octet]) + b"b p"
            self.assertEqual(allowed or octet == ord("]"), not refused(command), octet)

    @threat(58)
    def test_octets_of_quoted_strings(self) -> None:
        """Every octet in a quoted string, alone and behind a backslash."""
        for octet in range(256):
            one = bytes([octet])
            plain = 0 < octet < 128 and one not in b'\r\n"\\'
            self.assertEqual(plain, not refused(b'LOGIN "a' + one + b'b" p'), octet)
            escaped = b'LOGIN "a\\' + one + b'b" p'
            self.assertEqual(one in b'"\\', not refused(escaped), octet)
            literal = b"LOGIN {1}\r\n" + one + b" p"
            self.assertEqual(octet != 0, not refused(literal), octet)

    @threat(58)
    def test_utf8_strings(self) -> None:
        """UTF-8 between quotes only after ENABLE, and only if it is UTF-8."""
        command = 'SELECT "Größe"'.encode()
        self.assertTrue(refused(command))
        self.assertEqual(Select(MailboxName("Größe")), parsed(command, utf8=True))
        for octets in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"):
            self.assertTrue(refused(b'SELECT "' + octets + b'"', utf8=True))

    def test_octets_of_tags(self) -> None:
        """Every octet in a tag."""
        special = frozenset(b'(){%*"\\+ ') | abnf.CTL
        for octet in range(256):
            try:
                found = parse_command(b"a" + bytes([octet]) + b" NOOP").tag
            except SyntaxProblem:
                found = b""
            expected = octet < 128 and octet not in special
            self.assertEqual(expected, found == b"a" + bytes([octet]), octet)

    @threat(57)
    def test_deep(self) -> None:
        """Parentheses without end are refused as fast as they are read."""
        for octets in (b"(" * 60000, b"(" * 30000 + b")" * 30000):
            for command in (
                b"NOOP ",
                b"FETCH 1 ",
                b"SEARCH ",
                b"ID ",
                b"STORE 1 FLAGS ",
            ):
                self.assertTrue(refused(command + octets))

    @threat(69)
    def test_floods(self) -> None:
        """Flags are bounded in number and length."""
        many = b" ".join(b"k%d" % n for n in range(101))
        self.assertTrue(refused(b"STORE 1 FLAGS (" + many + b")"))
        self.assertTrue(refused(b"STORE 1 FLAGS " + many))
        self.assertTrue(refused(b"STORE 1 FLAGS " + b"k" * 101))
        self.assertFalse(refused(b"STORE 1 FLAGS " + b"k" * 100))

    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    b"FETCH SEARCH STORE SORT LIST SELECT STATUS UID ID NOT OR ALL "
                    b'BODY[ ] ( ) 1:* $ {1}\r\n " \\Seen RETURN CHARSET UTF-8 FLAGS '
                    b"HEADER TEXT <0.1> QRESYNC CHANGEDSINCE 1 2 x".split(b" ")
                ),
                st.binary(max_size=4),
            ),
            max_size=12,
        ),
        st.booleans(),
    )
    @settings(max_examples=300, deadline=None)
    def test_any_octets(self, pieces: list[bytes], utf8: bool) -> None:  # noqa: FBT001
        """No octets raise anything but a problem that the peer is told of."""
        for separator in (b" ", b""):
            octets = b"t " + separator.join(pieces)
            try:
                tagged = parse_command(octets, utf8=utf8)
            except SyntaxProblem as problem:
                self.assertTrue(problem.reason.isprintable())
            else:
                self.assertIsInstance(tagged, Tagged)
            self.assertTrue(tag_of(octets))
