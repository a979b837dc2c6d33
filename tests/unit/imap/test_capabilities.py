"""What is announced, when, and what each switch does."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.peer import TLS, Peer
from mailapp.imap.capabilities import SWITCHES, Offer, offered
from mailapp.imap.commands.table import ROWS
from mailapp.imap.protocol import compose_imap
from tests.play import Wire
from tests.rows import rows, tabled
from tests.unit.imap.support import Server, ask

_BASE = ["IMAP4rev1", "IMAP4rev2", "LITERAL+"]
_WORDS = """\
IMAP4rev1 IMAP4rev2 LITERAL+ ENABLE ID
IDLE NAMESPACE COMPRESS=DEFLATE UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE
CREATE-SPECIAL-USE STATUS=SIZE QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE
UIDPLUS MULTIAPPEND APPENDLIMIT=1000 MOVE CONDSTORE QRESYNC UTF8=ACCEPT BINARY PREVIEW
OBJECTID SAVEDATE ESEARCH SEARCHRES SORT SORT=DISPLAY ESORT
THREAD=ORDEREDSUBJECT THREAD=REFERENCES
"""
_AFTER = _WORDS.split()
_COMMANDS = {
    "id": "ID NIL",
    "enable": "ENABLE CONDSTORE",
    "namespace": "NAMESPACE",
    "idle": "IDLE",
    "compress-deflate": "COMPRESS DEFLATE",
    "quota": "GETQUOTAROOT INBOX",
    "unselect": "UNSELECT",
    "sort": "SORT (ARRIVAL) UTF-8 ALL",
    "move": "MOVE 1 INBOX",
    "thread-orderedsubject": "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "thread-references": "THREAD REFERENCES UTF-8 ALL",
}


def wire(offer: Offer, *, tls: bool = False) -> tuple[Wire, list[str]]:
    """A client, and what the greeting announces to it."""
    server = Server()
    service = evolve(server.service, offer=offer)
    peer = Peer("192.0.2.1", 1, tls=TLS(version="TLSv1.3") if tls else None)
    client = Wire(*compose_imap(service)(peer))
    greeting = client.take().decode()
    return client, greeting.partition("[CAPABILITY ")[2].partition("]")[0].split()


def inside(offer: Offer, *, tls: bool = True) -> tuple[Wire, list[str]]:
    """A client that is logged in, and what it was told then."""
    client, _ = wire(offer, tls=tls)
    reply = ask(client, b'a LOGIN u "p w"').decode()
    return client, reply.partition("[CAPABILITY ")[2].partition("]")[0].split()


@tabled
class CapabilityTests(SynchronousTestCase):
    """RFC 9051, section 7.2.2."""

    def test_before(self) -> None:
        """Before the login only what is of use there, and STARTTLS only in clear."""
        words = [*_BASE, "SASL-IR", "ENABLE", "ID"]
        self.assertEqual(wire(offered((), 1000))[1], [*words, "STARTTLS", "AUTH=PLAIN"])
        self.assertEqual(wire(offered((), 1000), tls=True)[1], [*words, "AUTH=PLAIN"])

    def test_after(self) -> None:
        """After it all the rest; CAPABILITY says the same as LOGIN did."""
        client, words = inside(offered((), 1000))
        self.assertEqual(words, _AFTER)
        self.assertEqual(
            ask(client, b"b CAPABILITY").split(b"\r\n")[0].decode(),
            " ".join(["* CAPABILITY", *_AFTER]),
        )

    def test_clear(self) -> None:
        """Without TLS there is no COMPRESS, whoever asks."""
        client, words = inside(offered((), 1000), tls=False)
        self.assertEqual(words, [word for word in _AFTER if word != "COMPRESS=DEFLATE"])
        self.assertNotIn(b"COMPRESS", ask(client, b"b CAPABILITY"))

    @rows(**{switch.replace("+", "_plus"): switch for switch in SWITCHES})
    def test_switch(self, switch: str) -> None:
        """What is off is announced nowhere, and its own command is unknown."""
        offer = offered([switch], 1000)
        client, after = inside(offer)
        for word in [*after, *wire(offer)[1]]:
            name = word.lower().replace("=", "-")
            self.assertNotEqual(name, switch)
            self.assertFalse(name.startswith("appendlimit") and name[:11] == switch)
        if switch in _COMMANDS:
            ask(client, b"s SELECT INBOX")
            if switch in {"enable", "namespace", "idle", "compress-deflate"}:
                client, _ = inside(offer)
            reply = ask(client, b"c " + _COMMANDS[switch].encode())
            self.assertRegex(reply, rb"^c BAD (unknown command|no such algorithm)")

    def test_commands(self) -> None:
        """The commands above are all that an extension has of its own."""
        needed = {each.switch for row in ROWS for each in row.needs}
        self.assertEqual(needed, set(_COMMANDS))

    @rows(
        condstore=("condstore", ["QRESYNC"]),
        enable=("enable", ["QRESYNC", "UTF8=ACCEPT", "IMAP4rev2"]),
        esearch=("esearch", ["SEARCHRES", "IMAP4rev2"]),
        sort=("sort", ["SORT=DISPLAY", "ESORT"]),
        quota=("quota", ["QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE"]),
        extended=("list-extended", ["LIST-STATUS", "IMAP4rev2"]),
        use=("special-use", ["CREATE-SPECIAL-USE", "IMAP4rev2"]),
        move=("move", ["IMAP4rev2"]),
        preview=("preview", []),
        rev2=("imap4rev2", []),
    )
    def test_needed(self, switch: str, gone: list[str]) -> None:
        """Nothing is announced of which a part is missing, and all the rest is."""
        _, words = inside(offered([switch], 1000))
        own = [word for word in _AFTER if word.lower().replace("=", "-") == switch]
        self.assertEqual({*_AFTER} - {*words}, {*gone, *own})
        self.assertEqual({*words} - {*_AFTER}, set())

    def test_rev2_off(self) -> None:
        """ENABLE does not turn on what is not announced."""
        for switch in ("imap4rev2", "move"):
            client, _ = inside(offered([switch]))
            self.assertIn(b"* ENABLED\r\n", ask(client, b"b ENABLE IMAP4rev2"))

    def test_literals(self) -> None:
        """LITERAL+ or LITERAL-, or neither; no client has to know which to send."""
        for off, size, taken in (
            ((), 5000, True),
            (("literal+",), 4096, True),
            (("literal+",), 4097, False),
            (("literal+", "literal-"), 1, False),
            (("literal+", "literal-"), 0, True),
        ):
            client, words = inside(offered(off))
            self.assertEqual("LITERAL+" in words, not off)
            self.assertEqual("LITERAL-" in words, off == ("literal+",))
            self.assertEqual("IMAP4rev2" in words, "literal-" not in off)
            reply = ask(client, b'b LIST "" {%d+}\r\n%b' % (size, b"%" * size))
            refused = reply.startswith((b"b BAD [TOOBIG] ", b"* BYE [TOOBIG] "))
            self.assertEqual(not refused, taken, (off, size, reply))
