"""The 7-bit rule over sockets: a next hop gets what it can take, or nothing."""

from __future__ import annotations

import itertools
import poplib
import smtplib
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, given, settings

from mailapp.message.sevenbit import SevenBit, convert
from mailapp.message.structure import scan
from tests.interop.demo import PASSWORD
from tests.interop.hop import ALL, Hop
from tests.interop.neighbours import (
    ADDRESSES,
    NeighbourCase,
    hand_in,
    told,
    wait_until,
)
from tests.interop.test_neighbours import BINARY, EIGHT_BIT
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.trees import leaves, messages

_NUMBERS: Final = itertools.count(1)
PLAIN: Final = b"\r\nhello\r\n.\r\n"
SIGNED: Final = (
    b'Content-Type: multipart/signed; boundary=b; protocol="a/b"\r\n\r\n'
    b"--b\r\n\r\nr\xe4t\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"
)
UTF8: Final = "X-Gruss: schön\r\n\r\nhello\r\n".encode()


def without(*words: str) -> tuple[str, ...]:
    """All extensions but these."""
    return tuple(word for word in ALL if word.split()[0] not in words)


@tabled
class HopTests(NeighbourCase):
    """Alice submits; her server relays to a host of ours with gaps."""

    with_b = False
    tables: ClassVar[str] = '[smtp]\nrelay-networks = ["127.0.0.0/8"]\n'
    queue: ClassVar[str] = 'warn-after = "1500 ms"\n'

    def hop(
        self,
        extensions: tuple[str, ...] | None = ALL,
        **replies: str,
    ) -> tuple[str, Hop]:
        """A new hop, and its domain."""
        number = next(_NUMBERS)
        domain, address = f"hop{number}.test", f"127.0.1.{number}"
        self.names.add(domain, address)
        hop = Hop((address, self.port), extensions, replies)
        self.addCleanup(hop.stop)
        return domain, hop

    def relayed(self, hop: Hop) -> bytes:
        """What it got."""
        wait_until(lambda: hop.messages, "the hop's message")
        self.assertEqual(len(hop.messages), 1)
        return hop.messages[0]

    @rows(
        plain=(ALL, PLAIN, [], []),
        plain_old=((), PLAIN, [], []),
        plain_helo=(None, PLAIN, [], []),
        eight=(ALL, EIGHT_BIT, ["BODY=8BITMIME"], [b"BODY=8BITMIME"]),
        eight_data=(("8BITMIME",), EIGHT_BIT, [], [b"BODY=8BITMIME"]),
        binary=(ALL, BINARY, ["BODY=BINARYMIME"], [b"BODY=BINARYMIME"]),
        utf8=(ALL, UTF8, ["SMTPUTF8"], [b"BODY=8BITMIME", b"SMTPUTF8"]),
    )
    @threat(24)
    def test_as_it_is(
        self,
        extensions: tuple[str, ...] | None,
        rest: bytes,
        mail: list[str],
        declared: list[bytes],
    ) -> None:
        """What the hop can take arrives octet for octet, and is declared."""
        domain, hop = self.hop(extensions)
        message = self.message(self.token, rest)
        self.send("a", [f"x@{domain}"], message, mail=mail)
        self.assertTrue(self.relayed(hop).endswith(b"\r\n" + message))
        parameters = hop.parameters(b"MAIL")
        found = [p for p in parameters if not p.startswith((b"SIZE=", b"RET="))]
        self.assertEqual(found, declared)

    @rows(
        eight=(without("8BITMIME", "BINARYMIME"), EIGHT_BIT, ["BODY=8BITMIME"]),
        eight_old=((), EIGHT_BIT, ["BODY=8BITMIME"]),
        eight_helo=(None, EIGHT_BIT, []),
        no_binarymime=(without("BINARYMIME"), BINARY, ["BODY=BINARYMIME"]),
        no_chunking=(without("CHUNKING"), BINARY, ["BODY=BINARYMIME"]),
        binary_old=((), BINARY, ["BODY=BINARYMIME"]),
    )
    @threat(24)
    def test_converted(
        self, extensions: tuple[str, ...] | None, rest: bytes, mail: list[str]
    ) -> None:
        """Else it is 7-bit MIME of the same content, and declared as nothing."""
        domain, hop = self.hop(extensions)
        message = self.message(self.token, rest)
        self.send("a", [f"x@{domain}"], message, mail=mail)
        found = self.relayed(hop)
        self.assertTrue(found.isascii())
        self.assertEqual(
            list(leaves(found, scan(found))), list(leaves(message, scan(message)))
        )
        self.assertNotIn(b"BODY=", b" ".join(hop.parameters(b"MAIL")))

    @rows(
        signed=(without("8BITMIME"), SIGNED, "alice", ["BODY=8BITMIME"], "5.6.3"),
        header=(without("SMTPUTF8"), UTF8, "alice", ["SMTPUTF8"], "5.6.9"),
        sender=(without("SMTPUTF8"), PLAIN, "jürgen", ["SMTPUTF8"], "5.6.7"),
    )
    @threat(24, 25)
    def test_bounced(
        self,
        extensions: tuple[str, ...],
        rest: bytes,
        sender: str,
        mail: list[str],
        status: str,
    ) -> None:
        """What can't be changed comes back; the hop hears nothing of it."""
        domain, hop = self.hop(extensions)
        author = f"{sender}@a.test"
        message = self.message(self.token, rest, author)
        self.send("a", [f"x@{domain}"], message, sender=sender, mail=mail)
        report = self.arrived("a", f"Final-Recipient: rfc822; x@{domain}".encode())
        fields = told(report)
        self.assertEqual((fields["action"], fields["status"]), ("failed", status))
        self.assertEqual(hop.messages, [])
        self.assertFalse([c for c in hop.commands if c.startswith((b"MAIL", b"RCPT"))])

    @rows(there=(ALL, True), not_there=(without("PIPELINING", "CHUNKING"), False))
    def test_pipelining(self, extensions: tuple[str, ...], together: object) -> None:
        """Commands go together only where that is offered (RFC 2920)."""
        domain, hop = self.hop(extensions)
        names = [f"{name}@{domain}" for name in "xyz"]
        self.send("a", names, self.message(self.token))
        self.relayed(hop)
        self.assertEqual(hop.together > 1, together)

    def test_no_size(self) -> None:
        """SIZE is said only where it is offered (RFC 1870)."""
        for extensions, said in ((ALL, True), (without("SIZE"), False)):
            domain, hop = self.hop(extensions)
            self.send("a", [f"x@{domain}"], self.message(self.token))
            self.relayed(hop)
            parameters = b" ".join(hop.parameters(b"MAIL"))
            self.assertEqual(b"SIZE=" in parameters, said)

    def test_too_large(self) -> None:
        """A hop that says how much it takes is not sent more."""
        domain, hop = self.hop(("SIZE 100",))
        self.send("a", [f"x@{domain}"], self.message(self.token))
        report = self.arrived("a", f"Final-Recipient: rfc822; x@{domain}".encode())
        self.assertEqual(told(report)["status"], "5.3.4")
        self.assertEqual(hop.messages, [])

    def test_dsn(self) -> None:
        """Wishes for reports go on to who knows them; else we report ``relayed``."""
        wishes: dict[str, Any] = {
            "mail": [f"ENVID={self.token}", "RET=HDRS"],
            "rcpt": ["NOTIFY=SUCCESS", "ORCPT=rfc822;first@x.test"],
        }
        domain, hop = self.hop()
        self.send("a", [f"x@{domain}"], self.message(self.token), **wishes)
        self.relayed(hop)
        self.assertIn(f"ENVID={self.token}".encode(), hop.parameters(b"MAIL"))
        self.assertIn(b"RET=HDRS", hop.parameters(b"MAIL"))
        rcpt = hop.parameters(b"RCPT")
        self.assertEqual(set(rcpt), {b"NOTIFY=SUCCESS", b"ORCPT=rfc822;first@x.test"})
        domain, hop = self.hop(without("DSN"))
        self.send("a", [f"x@{domain}"], self.message(self.token), **wishes)
        self.relayed(hop)
        self.assertEqual(hop.parameters(b"RCPT"), [])
        report = self.arrived("a", f"Final-Recipient: rfc822; x@{domain}".encode())
        self.assertEqual(told(report)["action"], "relayed")

    def test_delayed(self) -> None:
        """Past its BY deadline (RFC 2852) the sender is told that it waits."""
        domain, _ = self.hop(RCPT="451 4.7.1 not now")
        self.send(
            "a",
            [f"x@{domain}"],
            self.message(self.token),
            mail=["BY=1;N", f"ENVID={self.token}"],
            rcpt=["NOTIFY=DELAY"],
        )
        envelope_id = f"Original-Envelope-Id: {self.token}".encode()
        fields = told(self.arrived("a", envelope_id))
        self.assertEqual(fields["action"], "delayed")
        self.assertIn("will-retry-until", fields)

    def test_warned(self) -> None:
        """A sender who asked for nothing reads by POP3 that a message waits, once."""
        domain, hop = self.hop(RCPT="451 4.7.1 not now")
        self.send("a", [f"x@{domain}"], self.message(self.token))
        self.arrived("a", f"rfc822; x@{domain}".encode())
        pop = poplib.POP3(ADDRESSES["a.test"], self.a.port("pop3"))
        pop.user("alice@a.test")
        pop.pass_(PASSWORD)
        mails = [b"\r\n".join(pop.retr(n + 1)[1]) for n in range(pop.stat()[0])]
        pop.quit()
        [report] = [mail for mail in mails if f"x@{domain}".encode() in mail]
        fields = told(report)
        self.assertEqual((fields["action"], fields["null"]), ("delayed", "<>"))
        self.assertEqual(fields["status"], "4.7.1")
        self.assertIn("not now", fields["diagnostic-code"])
        self.assertIn("will-retry-until", fields)
        self.assertEqual(hop.messages, [])

    @threat(3, 24)
    def test_trees(self) -> None:
        """Any MIME tree arrives in 7 bit with equal parts, or it comes back."""
        domain, hop = self.hop(None)
        numbers = itertools.count(1)

        @given(messages)
        @settings(
            deadline=None,
            max_examples=15,
            suppress_health_check=[HealthCheck.too_slow],
        )
        def play(tree: bytes) -> None:
            number = next(numbers)
            message = f"X-Number: n{number}-\r\n".encode() + tree
            hop.messages.clear()
            with smtplib.SMTP("127.0.0.1", self.port) as client:
                sender, to = "alice@a.test", [f"x{number}@{domain}"]
                hand_in(client, sender, to, message, ["BODY=BINARYMIME"])
            if not isinstance(convert(message), SevenBit):
                self.arrived("a", f"rfc822; x{number}@{domain}".encode())
                self.assertEqual(hop.messages, [])
                return
            found = self.relayed(hop)
            self.assertTrue(found.isascii())
            bare = found.replace(b"\r\n", b"")
            self.assertFalse(b"\r" in bare or b"\n" in bare)
            # DATA cannot leave a last line open (RFC 5321, section 4.1.1.4)
            wanted = [message, message + b"\r\n"]
            self.assertIn(
                list(leaves(found, scan(found))),
                [list(leaves(each, scan(each))) for each in wanted],
            )

        play()
