"""SEARCH finds what its keys mean (RFC 9051, section 6.4.4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.charsets import codec_of
from mailapp.storage.memory_mailbox import MemoryMailbox
from mailapp.storage.types import INBOX_ID, UID, Expunge, NoSpace
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.letters import DAY, full, letter, parted, receive
from tests.unit.imap.commands.talk import House, now

HTML = (
    b"Subject: =?utf-8?q?M=C3=BCller?= writes\r\nTo: b@example.com\r\n"
    b"Content-Type: text/html; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<p>Gr=FC=DFe <b>aus</b> K=F6ln</p>\r\n"
)


def varied() -> House:
    """Five messages, each different."""
    house = House()
    receive(house, letter(1, "Invoice"), "\\Seen", received=DAY)
    receive(house, letter(2, body="needle"), "\\Flagged", "Work", received=2 * DAY)
    receive(house, letter(3, more="Cc: carol@x.org\r\n"), "\\Deleted", received=3 * DAY)
    receive(house, HTML, "\\Seen", "\\Answered", received=4 * DAY - 1)
    big = b"Content-Type: text/plain\r\n\r\n" + b"hay " * 99_000 + b"needle\r\n"
    receive(
        house,
        parted(big, b"Content-Type: image/png\r\n\r\nneedles"),
        "\\Draft",
        received=5 * DAY,
    )
    return house


@tabled
class KeyTests(SynchronousTestCase):
    """Each key by itself, and together."""

    @rows(
        all=("ALL", "1 2 3 4 5"),
        seen=("SEEN", "1 4"),
        unseen=("UNSEEN", "2 3 5"),
        answered=("ANSWERED", "4"),
        unanswered=("UNANSWERED", "1 2 3 5"),
        flagged=("FLAGGED", "2"),
        unflagged=("UNFLAGGED", "1 3 4 5"),
        deleted=("DELETED", "3"),
        undeleted=("UNDELETED", "1 2 4 5"),
        draft=("DRAFT", "5"),
        undraft=("UNDRAFT", "1 2 3 4"),
        keyword=("KEYWORD work", "2"),
        unkeyword=("UNKEYWORD Work", "1 3 4 5"),
        no_keyword=("KEYWORD Play", ""),
        no_unkeyword=("UNKEYWORD Play", "1 2 3 4 5"),
        new=("NEW", ""),
        old=("OLD", "1 2 3 4 5"),
        recent=("RECENT", ""),
        numbers=("2:3,5", "2 3 5"),
        uid=("UID 1:3,900", "1 2 3"),
        both=("1:3 NOT 2", "1 3"),
        union=("OR 1 OR 3 5", "1 3 5"),
        nested=("NOT (OR SEEN (FLAGGED UNDELETED))", "3 5"),
        larger=("LARGER 400", "5"),
        smaller=("SMALLER 145", "1"),
        exact_size=("OR LARGER 145 SMALLER 145", "1 3 4 5"),
        before=("BEFORE 4-Jan-1970", "1 2"),
        on=("ON 4-Jan-1970", "3 4"),
        since=("SINCE 4-Jan-1970", "3 4 5"),
        sent_before=("SENTBEFORE 3-Nov-2026", "1"),
        sent_on=("SENTON 3-Nov-2026", "2"),
        sent_since=("SENTSINCE 3-Nov-2026", "2 3"),
        saved=("SAVEDON 14-Nov-2023", "1 2 3 4 5"),
        saved_before=("SAVEDBEFORE 14-Nov-2023", ""),
        saved_since=("SAVEDSINCE 4-Jan-1970", "1 2 3 4 5"),
        save_date=("SAVEDATESUPPORTED", "1 2 3 4 5"),
        thread_id=("THREADID T1", ""),
        subject=("SUBJECT invOICE", "1"),
        sender=('FROM "SENDER 2"', "2"),
        address=("FROM @example.ORG", "1 2 3"),
        to=("TO example.com", "1 2 3 4"),
        cc=("CC CAROL", "3"),
        bcc=('BCC ""', ""),
        header=("HEADER Message-ID m3@", "3"),
        has_header=('HEADER CC ""', "3"),
        odd_header=("HEADER TEXT needle", ""),
        body=("BODY needle", "2 5"),
        not_body=("NOT BODY needle", "1 3 4"),
        text=("TEXT invoice", "1"),
        body_only=("BODY invoice", ""),
        text_and_body=("TEXT Number BODY needle", "2"),
        html=('BODY "aus K"', "4"),
        no_markup=("BODY <p>", ""),
        either_text=("OR TEXT invoice BODY needle", "1 2 5"),
        mixed=("OR (SEEN BODY aus) (DRAFT TEXT needle)", "4 5"),
        empty_text=('TEXT ""', "1 2 3 4 5"),
        part_header=("TEXT image/png", "5"),
    )
    def test_key(self, key: str, expected: str) -> None:
        """The messages that match, by number."""
        client = varied().client("SELECT INBOX")
        response = f"* SEARCH {expected}".rstrip()
        self.assertEqual(client.give(f"SEARCH {key}"), [response, "OK searched"])

    @rows(
        utf8=("SEARCH CHARSET UTF-8 SUBJECT {7+}\r\nM\u00dcLLER", "4"),
        body=("SEARCH BODY {6+}\r\nK\u00d6LN\r", ""),
        unsaid=("SEARCH BODY {5+}\r\nk\u00f6ln", "4"),
        sharp=("SEARCH CHARSET UTF-8 TEXT {7+}\r\nGR\u00dc\u00dfe", "4"),
    )
    def test_charset(self, command: str, expected: str) -> None:
        """Text is compared as characters, of any case, whatever it was encoded in."""
        client = varied().client("SELECT INBOX")
        self.assertEqual(client.give(command)[0], f"* SEARCH {expected}".rstrip())

    @rows(
        search=(b"SEARCH CHARSET iso-8859-1 TEXT {4+}\r\nK\xd6LN", "* SEARCH 4"),
        alias=(b"SEARCH CHARSET Latin1 TEXT {4+}\r\nK\xd6LN", "* SEARCH 4"),
        quoted=(b'UID SEARCH CHARSET "KOI8-R" TEXT {2+}\r\n\xc1\xe2', "* SEARCH"),
        extended=(
            b"SEARCH RETURN (COUNT) CHARSET windows-1252 SUBJECT {6+}\r\nm\xfcller",
            '* ESEARCH (TAG "t3") COUNT 1',
        ),
        sort=(b"SORT (DATE) IBM850 TEXT {4+}\r\nk\x94ln", "* SORT 4"),
        thread=(
            b"THREAD REFERENCES ISO-8859-15 TEXT {4+}\r\nk\xf6ln",
            "* THREAD (4)",
        ),
    )
    def test_other_charset(self, command: bytes, expected: str) -> None:
        """The words may be in any charset that mail is read in."""
        client = varied().client("SELECT INBOX")
        self.assertEqual(client.give_octets(command)[0], expected)

    @rows(
        unknown=b"SEARCH CHARSET X-KLINGON ALL",
        codec=b"SEARCH CHARSET unicode_escape ALL",  # of Python's, but no charset
        sort=b"SORT (DATE) zlib ALL",
        thread=b"THREAD REFERENCES utf-7 ALL",
        not_in_it=b"SEARCH CHARSET EUC-JP TEXT {1+}\r\n\xff",
    )
    def test_unknown_charset(self, command: bytes) -> None:
        """It is NO with the charsets there are (RFC 9051, section 6.4.4)."""
        client = varied().client("SELECT INBOX")
        [line] = client.give_octets(command)
        code, _, rest = line.removeprefix("NO [BADCHARSET (").partition(")] ")
        self.assertEqual(rest, "no such charset")
        for name in code.split(" "):
            self.assertIsNotNone(codec_of(name))
        self.assertEqual(code.split(" ")[:2], ["US-ASCII", "UTF-8"])

    def test_uids(self) -> None:
        """UID SEARCH tells UIDs; keys still mean what they say."""
        house = varied()
        now(house.commit(Expunge(INBOX_ID, [UID(1), UID(4)])))
        client = house.client("SELECT INBOX")
        self.assertEqual(client.give("UID SEARCH 1:2")[0], "* SEARCH 2 3")
        self.assertEqual(client.give("SEARCH UID 3:5")[0], "* SEARCH 2 3")

    @threat(67)
    def test_gone(self) -> None:
        """What is gone is not found; numbers stay those that the client knows."""
        house = varied()
        client = house.client("SELECT INBOX")
        now(house.commit(Expunge(INBOX_ID, [UID(2)])))
        self.assertEqual(client.give("SEARCH BODY needle")[0], "* SEARCH 5")
        self.assertEqual(client.give("SEARCH ALL")[0], "* SEARCH 1 3 4 5")
        self.assertEqual(client.give("SEARCH 2:3")[0], "* SEARCH 3")
        self.assertEqual(client.give("SEARCH FROM Sender")[0], "* SEARCH 1 3")

    def test_modseq(self) -> None:
        """RFC 7162, section 3.1.5: the highest MODSEQ comes with what is found."""
        house = varied()
        client = house.client("ENABLE CONDSTORE", "SELECT INBOX")
        highest = house.account.state.box(INBOX_ID).modseq
        self.assertEqual(
            client.give(f"SEARCH MODSEQ {highest}")[0],
            f"* SEARCH 5 (MODSEQ {highest})",
        )
        self.assertEqual(client.give(f"SEARCH MODSEQ {highest + 1}")[0], "* SEARCH")
        self.assertEqual(
            client.give("SEARCH MODSEQ 0 SEEN")[0],
            f"* SEARCH 1 4 (MODSEQ {highest - 1})",
        )
        self.assertEqual(
            client.give("SEARCH RETURN (MIN MAX) MODSEQ 0 1:4")[0],
            f'* ESEARCH (TAG "t7") MIN 1 MAX 4 MODSEQ {highest - 1}',
        )


@tabled
class ReturnTests(SynchronousTestCase):
    """ESEARCH and SEARCHRES (RFC 9051, sections 7.3.4 and 6.4.4.1)."""

    @rows(
        min=("(MIN)", " MIN 2"),
        max=("(MAX)", " MAX 10"),
        count=("(COUNT)", " COUNT 6"),
        all=("(ALL)", " ALL 2,4:7,10"),
        nothing=("()", " ALL 2,4:7,10"),
        every=("(COUNT ALL MAX MIN)", " MIN 2 MAX 10 COUNT 6 ALL 2,4:7,10"),
    )
    def test_options(self, options: str, expected: str) -> None:
        """What is asked for, and no more."""
        client = full(10).client("SELECT INBOX")
        self.assertEqual(
            client.give(f"SEARCH RETURN {options} 2,4:7,10")[0],
            f'* ESEARCH (TAG "t3"){expected}',
        )

    @rows(
        min=("(MIN)", ""),
        all=("(ALL)", ""),
        every=("(COUNT ALL MAX MIN)", " COUNT 0"),
    )
    def test_nothing_found(self, options: str, expected: str) -> None:
        """RFC 9051, section 6.4.4: only COUNT is left, and the response is sent."""
        client = full(3).client("SELECT INBOX")
        self.assertEqual(
            client.give(f"UID SEARCH RETURN {options} SEEN")[0],
            f'* ESEARCH (TAG "t3") UID{expected}',
        )

    def test_rev2(self) -> None:
        """RFC 9051, section 6.4.4: an IMAP4rev2 client has no SEARCH response."""
        client = full(3).client("ENABLE IMAP4rev2", "SELECT INBOX")
        self.assertEqual(client.give("SEARCH ALL")[0], '* ESEARCH (TAG "t4") ALL 1:3')

    @rows(
        alone=("SAVE", "2,4:7,10"),
        min=("SAVE MIN", "2"),
        max=("SAVE MAX", "10"),
        ends=("MIN SAVE MAX", "2,10"),
        count=("MIN SAVE MAX COUNT", "2,4:7,10"),
        all=("ALL SAVE MIN", "2,4:7,10"),
    )
    def test_save(self, options: str, expected: str) -> None:
        """RFC 9051, section 6.4.4.1, table 4: what ``$`` stands for then."""
        client = full(10).client("SELECT INBOX")
        answer = client.give(f"SEARCH RETURN ({options}) 2,4:7,10")
        self.assertEqual(len(answer), 1 if options == "SAVE" else 2)
        self.assertEqual(
            client.give("SEARCH RETURN (ALL) $")[0],
            f'* ESEARCH (TAG "t4") ALL {expected}',
        )
        self.assertEqual(
            len(client.give("FETCH $ FLAGS")), len(client.give("UID FETCH $ UID"))
        )

    def test_saved_stays(self) -> None:
        """It changes only by SAVE; what is expunged leaves it."""
        house = full(5)
        client = house.client("SELECT INBOX", "SEARCH RETURN (SAVE) 2:4")
        client.give("SEARCH RETURN (COUNT) ALL")
        client.give("SEARCH NONSENSE")
        client.give("SEARCH RETURN (SAVE) 99")
        now(house.commit(Expunge(INBOX_ID, [UID(1), UID(3)])))
        client.give("NOOP")
        self.assertEqual(client.give("SEARCH $")[0], "* SEARCH 1 2")
        self.assertEqual(client.give("UID SEARCH UID $")[0], "* SEARCH 2 4")
        client.give("SEARCH RETURN (SAVE) SEEN")
        self.assertEqual(client.give("SEARCH $")[0], "* SEARCH")
        self.assertEqual(client.give("FETCH $ UID"), ["OK fetched"])

    def test_failed_save(self) -> None:
        """RFC 9051, section 6.4.4.1: NO leaves nothing saved."""
        client = full(5).client("SELECT INBOX", "SEARCH RETURN (SAVE) 2:4")

        async def refuse(_mailbox: object, _query: object) -> None:
            raise NoSpace

        self.patch(MemoryMailbox, "search", refuse)
        self.assertTrue(client.last("SEARCH RETURN (SAVE) BODY x").startswith("NO"))
        self.assertEqual(client.give("SEARCH $")[0], "* SEARCH")
