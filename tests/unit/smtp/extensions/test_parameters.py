"""What MAIL and RCPT can ask for, as a client sees it and as the envelope has it."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.envelope import (
    Body,
    DeliverBy,
    Envelope,
    Notify,
    OriginalRecipient,
    Return,
)
from mailapp.smtp.grammar.xtext import encode_xtext
from mailapp.smtp.profile import Login
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import CLIENT, PROFILE, TLS_ON, Ledger, codes, dial, say

NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z; the ledger's clock
QUEUE = evolve(PROFILE, queue=True)
MONTH = 30 * 24 * 3600


def envelope(mail: bytes = b"", rcpt: bytes = b"", **peer: Any) -> Envelope:
    """Of a message that was taken with these parameters."""
    ledger = Ledger()
    wire = dial(ledger, profile=QUEUE, peer=evolve(CLIENT, **peer))
    replies = say(
        wire,
        b"EHLO bar.com",
        b"MAIL FROM:<a@bar.com>" + mail,
        b"RCPT TO:<Jones@foo.com>" + rcpt,
        b"BDAT 3 LAST\r\nx",
    )
    if codes(replies) != [250]:
        raise AssertionError(replies)
    return ledger.stored[0].envelope


def asked(command: bytes, **peer: Any) -> bytes:
    """The reply to MAIL or RCPT with a parameter."""
    wire = dial(profile=QUEUE, peer=evolve(CLIENT, **peer))
    say(wire, b"EHLO bar.com")
    if command.startswith(b"RCPT"):
        say(wire, b"MAIL FROM:<a@bar.com>")
    return say(wire, command)


@tabled
class MailTests(SynchronousTestCase):
    """Parameters of MAIL."""

    @rows(
        full=(b" RET=FULL", {"returned": Return.FULL}),
        headers=(b" ret=hdrs", {"returned": Return.HEADERS}),
        id=(b" ENVID=a+20b+2B", {"envelope_id": "a b+"}),
        binary=(b" BODY=binarymime", {"body": Body.BINARY}),
        by_return=(b" BY=120;R", {"deliver_by": DeliverBy(NOW + 120, returned=True)}),
        by_notify=(
            b" BY=-5;nt",
            {"deliver_by": DeliverBy(NOW - 5, returned=False, traced=True)},
        ),
        by_now=(b" BY=+0;N", {"deliver_by": DeliverBy(NOW, returned=False)}),
        by_most=(
            b" BY=999999999;RT",
            {"deliver_by": DeliverBy(NOW + 999_999_999, returned=True, traced=True)},
        ),
        low=(b" MT-PRIORITY=-9", {"priority": -9}),
        none=(b" MT-PRIORITY=0", {"priority": 0}),
        lowered=(b" MT-PRIORITY=9", {"priority": 0}),
        all=(
            b" RET=HDRS BY=60;N ENVID=x MT-PRIORITY=-1 SIZE=9 BODY=7BIT",
            {
                "returned": Return.HEADERS,
                "envelope_id": "x",
                "deliver_by": DeliverBy(NOW + 60, returned=False),
                "priority": -1,
                "declared_size_octets": 9,
            },
        ),
    )
    def test_taken(self, parameters: bytes, expected: dict[str, object]) -> None:
        """They reach the envelope."""
        found = envelope(parameters)
        self.assertEqual({k: getattr(found, k) for k in expected}, expected)

    def test_nothing(self) -> None:
        """Without parameters nothing is asked for."""
        found = envelope()
        self.assertIsNone(found.returned)
        self.assertIsNone(found.envelope_id)
        self.assertIsNone(found.deliver_by)
        self.assertIsNone(found.hold_until)
        self.assertEqual((found.priority, found.require_tls), (0, False))

    @rows(
        ret=b"RET=NONE",
        ret_bare=b"RET",
        id_empty=b"ENVID=",
        id_no_xtext=b"ENVID=a+2",
        id_small_hex=b"ENVID=a+2b",
        id_control=b"ENVID=a+0D+0AX:",
        id_nul=b"ENVID=a+00",
        id_not_ascii=b"ENVID=a+FF",
        id_n_plus_1=b"ENVID=" + b"x" * 95,
        by_zero=b"BY=0;R",
        by_past=b"BY=-1;R",
        by_digits=b"BY=1234567890;N",
        by_mode=b"BY=12;X",
        by_bare=b"BY=12",
        by_twice=b"BY=1;R BY=1;R",
        priority_10=b"MT-PRIORITY=10",
        priority_plus=b"MT-PRIORITY=+1",
        priority_minus_0=b"MT-PRIORITY=-0",
        priority_bare=b"MT-PRIORITY",
        tls_value=b"REQUIRETLS=1",
    )
    @threat(17)
    def test_refused(self, parameter: bytes) -> None:
        """501 5.5.4, and the transaction is not begun."""
        reply = asked(b"MAIL FROM:<a@bar.com> " + parameter)
        self.assertEqual(reply[:9], b"501 5.5.4")

    def test_limits(self) -> None:
        """ENVID with 100 characters in all, ORCPT with 500 (RFC 3461, section 4)."""
        found = envelope(b" ENVID=" + b"x" * 94, b" ORCPT=x;" + b"y" * 492)
        self.assertEqual(found.envelope_id, "x" * 94)
        reply = asked(b"RCPT TO:<Jones@foo.com> ORCPT=x;" + b"y" * 493)
        self.assertEqual(codes(reply), [501])

    def test_priority(self) -> None:
        """A stranger is told that the priority is 0 (RFC 6710, section 4.1)."""
        reply = asked(b"MAIL FROM:<a@bar.com> MT-PRIORITY=3")
        self.assertTrue(reply.startswith(b"250 2.3.6 0 "), reply)

    def test_priority_of_ours(self) -> None:
        """Who may relay may also be first."""
        profile = evolve(QUEUE, relay_networks=(IPv4Network(CLIENT.address),))
        ledger = Ledger()
        wire = dial(ledger, profile=profile)
        say(wire, b"EHLO a", b"MAIL FROM:<a@b.c> MT-PRIORITY=9")
        say(wire, b"RCPT TO:<Jones@foo.com>", b"BDAT 0 LAST")
        self.assertEqual(ledger.stored[0].envelope.priority, 9)

    def test_require_tls(self) -> None:
        """REQUIRETLS is for connections with TLS, and announced on them alone."""
        self.assertTrue(envelope(b" REQUIRETLS", tls=TLS_ON).require_tls)
        reply = asked(b"MAIL FROM:<a@bar.com> REQUIRETLS")
        self.assertEqual(reply[:10], b"530 5.7.10")
        self.assertNotIn(b"REQUIRETLS", say(dial(profile=QUEUE), b"EHLO a"))
        wire = dial(profile=QUEUE, peer=evolve(CLIENT, tls=TLS_ON))
        self.assertIn(b"REQUIRETLS", say(wire, b"EHLO a"))

    @rows(dsn=b"RET=FULL", by=b"BY=1;N", priority=b"MT-PRIORITY=0", hold=b"HOLDFOR=1")
    def test_not_announced(self, parameter: bytes) -> None:
        """Without a queue nothing is promised: 555 (RFC 5321, section 4.1.1.11)."""
        wire = dial()
        reply = say(wire, b"EHLO a", b"MAIL FROM:<a@b> " + parameter)
        self.assertEqual(reply[:9], b"555 5.5.4")

    def test_too_late(self) -> None:
        """What may not come late is refused when it does (RFC 2852, section 4.1.3)."""
        ledger = Ledger()
        clock = [NOW]
        wire = dial(ledger, profile=QUEUE, now=lambda: clock[0])
        say(wire, b"EHLO a", b"MAIL FROM:<a@b> BY=10;R", b"RCPT TO:<Jones@foo.com>")
        say(wire, b"DATA")
        clock[0] += 11
        self.assertEqual(say(wire, b"x", b".")[:9], b"554 5.4.7")
        self.assertEqual(ledger.stored, [])

    def test_strict(self) -> None:
        """Octets above 127: taken as they are, or refused where that is wanted."""
        content = evolve(PROFILE.content, strict=True)
        for profile, body, expected in (
            (PROFILE, b"", 250),
            (evolve(PROFILE, content=content), b"", 550),
            (evolve(PROFILE, content=content), b" BODY=8BITMIME", 250),
        ):
            wire = dial(profile=profile)
            say(wire, b"EHLO a", b"MAIL FROM:<a@b>" + body, b"RCPT TO:<Jones@foo.com>")
            reply = say(wire, b"DATA", b"\xe4", b".")
            self.assertEqual(codes(reply), [expected])


class HelpTests(SynchronousTestCase):
    """Whoever types at a prompt can find out what there is."""

    def test_every_parameter(self) -> None:
        """HELP MAIL and HELP RCPT list them, HELP and one of them explains it."""
        profile = evolve(QUEUE, login=Login.REQUIRED)
        wire = dial(profile=profile)
        for command, extension_parameters in (
            (b"MAIL", [e.mail_parameters for e in profile.available]),
            (b"RCPT", [e.rcpt_parameters for e in profile.available]),
        ):
            listed = say(wire, b"HELP " + command).split()
            for keyword in {k for known in extension_parameters for k in known}:
                self.assertIn(keyword, listed)
                said = say(wire, b"HELP " + keyword.lower())
                self.assertIn(keyword, said)
                self.assertEqual(codes(said), [214])
        self.assertEqual(codes(say(dial(), b"HELP NOTIFY")), [504])
        self.assertNotIn(b"Parameters", say(dial(), b"HELP RCPT"))


@tabled
class HoldTests(SynchronousTestCase):
    """FUTURERELEASE (RFC 4865), of submission alone."""

    def _dial(self, parameters: bytes) -> tuple[Ledger, bytes]:
        ledger = Ledger()
        profile = evolve(QUEUE, login=Login.REQUIRED)
        wire = self.wire = dial(ledger, profile=profile)
        self.ehlo = say(wire, b"EHLO a")
        return ledger, say(wire, b"MAIL FROM:<a@b.c> " + parameters)

    @rows(
        interval=(b"HOLDFOR=60", NOW + 60),
        longest=(b"HOLDFOR=%d" % MONTH, NOW + MONTH),
        date=(b"HOLDUNTIL=2001-09-09T01:46:41Z", NOW + 1),
        date_small=(b"HOLDUNTIL=2001-09-09t01:46:41.5z", NOW + 1),
        leap=(b"HOLDUNTIL=2001-09-09T01:47:60Z", NOW + 80),
        beside=(b"HOLDFOR=60 BY=60;R", NOW + 60),
    )
    def test_taken(self, parameter: bytes, until: float) -> None:
        """The message is kept until then."""
        ledger, reply = self._dial(parameter)
        self.assertEqual(codes(reply), [250])
        say(self.wire, b"RCPT TO:<Jones@foo.com>", b"BDAT 0 LAST")
        self.assertEqual(ledger.stored[0].envelope.hold_until, until)

    @rows(
        zero=b"HOLDFOR=0",
        too_long=b"HOLDFOR=%d" % (MONTH + 1),
        digits=b"HOLDFOR=1000000000",
        past=b"HOLDUNTIL=2001-09-09T01:46:39Z",
        now=b"HOLDUNTIL=2001-09-09T01:46:40Z",
        too_late=b"HOLDUNTIL=2002-01-01T00:00:00Z",
        zone=b"HOLDUNTIL=2001-09-09T02:46:41+01:00",
        no_day=b"HOLDUNTIL=2001-09-31T01:46:41Z",
        no_year=b"HOLDUNTIL=0000-09-01T01:46:41Z",
        both=b"HOLDFOR=60 HOLDUNTIL=2001-09-09T01:46:41Z",
        twice=b"HOLDFOR=60 HOLDFOR=60",
        beyond=b"HOLDFOR=61 BY=60;R",
        beyond_past=b"HOLDFOR=1 BY=-60;N",
    )
    def test_refused(self, parameter: bytes) -> None:
        """501 5.5.4 (sections 4.2 and 5.2.2)."""
        self.assertEqual(self._dial(parameter)[1][:9], b"501 5.5.4")

    def test_announced(self) -> None:
        """How long, and until when, as of now (section 3)."""
        self._dial(b"HOLDFOR=1")
        self.assertIn(b"250-FUTURERELEASE 2592000 2001-10-09T01:46:40Z\r\n", self.ehlo)
        for login in (Login.NONE, Login.OFFERED):
            wire = dial(profile=evolve(QUEUE, login=login))
            self.assertNotIn(b"FUTURERELEASE", say(wire, b"EHLO a"))


@tabled
class RcptTests(SynchronousTestCase):
    """Parameters of RCPT."""

    @rows(
        never=(b" NOTIFY=never", Notify.NEVER, None),
        some=(b" NOTIFY=DELAY,Success", Notify.DELAY | Notify.SUCCESS, None),
        xtext=(
            b" ORCPT=rfc822;a+2Bb@c",
            None,
            OriginalRecipient("rfc822", "a+b@c"),
        ),
        kind=(
            b" ORCPT=X400;/C=de/".replace(b"=de", b"+3Dde"),
            None,
            OriginalRecipient("X400", "/C=de/"),
        ),
        unitext=(
            rb" ORCPT=utf-8;\x{FC}ber@\x{1F600}.x",
            None,
            OriginalRecipient("utf-8", "über@😀.x"),
        ),
        utf8=(
            " ORCPT=UTF-8;über@x".encode(),
            None,
            OriginalRecipient("UTF-8", "über@x"),
        ),
        unitext_specials=(
            rb" ORCPT=utf-8;a\x{2B}b\x{3D}c\x{5C}\x{20}@x",
            None,
            OriginalRecipient("utf-8", "a+b=c\\ @x"),
        ),
        # RFC 6533, section 3: what does not conform is kept "without alteration"
        unitext_surrogate=(
            rb" ORCPT=utf-8;a\x{D800}",
            None,
            OriginalRecipient("utf-8", r"a\x{D800}"),
        ),
        unitext_beyond=(
            rb" ORCPT=utf-8;a\x{110000}",
            None,
            OriginalRecipient("utf-8", r"a\x{110000}"),
        ),
        utf8_as_xtext=(
            b" ORCPT=utf-8;a+2Bb@x",
            None,
            OriginalRecipient("utf-8", "a+b@x"),
        ),
        # Postfix 3.7
        utf8_called_rfc822=(
            b" ORCPT=rfc822;j+C3+BCrgen@x",
            None,
            OriginalRecipient("utf-8", "jürgen@x"),
        ),
    )
    def test_taken(
        self, parameters: bytes, notify: Notify | None, original: object
    ) -> None:
        """They reach the recipient in the envelope."""
        (recipient,) = envelope(b"", parameters).recipients
        self.assertEqual(recipient.notify, notify)
        self.assertEqual(recipient.original, original)

    @rows(
        notify=b"NOTIFY=ALWAYS",
        notify_bare=b"NOTIFY",
        notify_never=b"NOTIFY=NEVER,DELAY",
        notify_hole=b"NOTIFY=DELAY,,SUCCESS",
        original_kind=b"ORCPT=a@b",
        original_no_atom=b"ORCPT=(;a@b",
        original_empty=b"ORCPT=rfc822;",
        original_control=b"ORCPT=rfc822;a+0D+0AX:",
        original_8bit="ORCPT=rfc822;ü@x".encode(),
        original_hidden_8bit=b"ORCPT=rfc822;+FC@x",
        original_hidden_nel=b"ORCPT=rfc822;+C2+85",
        original_other_utf8=b"ORCPT=x400;+C3+BC",
        unitext_control=rb"ORCPT=utf-8;a\x{0D}\x{0A}X:",
        unitext_nel=rb"ORCPT=utf-8;a\x{85}",
        utf8_broken=b"ORCPT=utf-8;\xff",
        both_twice=b"ORCPT=rfc822;a ORCPT=rfc822;a",
    )
    @threat(17)
    def test_refused(self, parameter: bytes) -> None:
        """501, and the recipient is not taken."""
        reply = asked(b"RCPT TO:<Jones@foo.com> " + parameter)
        self.assertEqual(codes(reply), [501], reply)

    def test_first_holds(self) -> None:
        """The same recipient once more: what was said first holds."""
        ledger = Ledger()
        wire = dial(ledger, profile=QUEUE)
        say(
            wire, b"EHLO a", b"MAIL FROM:<a@b>", b"RCPT TO:<Jones@foo.com> NOTIFY=DELAY"
        )
        say(wire, b"RCPT TO:<Jones@FOO.com> NOTIFY=NEVER", b"BDAT 0 LAST")
        (recipient,) = ledger.stored[0].envelope.recipients
        self.assertEqual(recipient.notify, Notify.DELAY)

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
    def test_any_address(self, address: str) -> None:
        """Whatever the first sender wrote comes out as it was."""
        parameter = b" ORCPT=rfc822;" + encode_xtext(address)
        if len(parameter) <= 501:
            (recipient,) = envelope(b"", parameter).recipients
            self.assertEqual(recipient.original, OriginalRecipient("rfc822", address))

    @given(st.binary(max_size=40).filter(lambda o: not set(o) & set(b" \r\n")))
    @threat(17)
    def test_any_octets(self, value: bytes) -> None:
        """No value raises, and none brings a control along."""
        for kind in (b"rfc822", b"utf-8"):
            command = b"RCPT TO:<Jones@foo.com> ORCPT=" + kind + b";" + value
            self.assertIn(codes(asked(command)), ([250], [501], [500]))
