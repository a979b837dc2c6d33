"""mailapp.smtp.client, client_opening and client_login: the machine against scripts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.secret import Secret
from mailapp.sasl import base64
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client import SmtpClient
from mailapp.smtp.client_login import Login
from mailapp.smtp.client_states import (
    TIMEOUTS,
    BeginTLS,
    Challenged,
    ClientState,
    Ended,
    Finished,
    GoAhead,
    Ready,
    StartTLS,
    Trouble,
)
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.clients import (
    ALICE,
    BOB,
    FINE,
    GREETING,
    ehlo,
    events,
    opened,
    outgoing,
    terms,
)


class Dialogue:
    """Plays ``S:`` and ``C:`` lines as the RFC shows them."""

    def __init__(self, client: SmtpClient, case: SynchronousTestCase) -> None:
        self.client = client
        self.case = case
        self.found: list[Any] = []

    def play(self, text: str) -> None:
        """``R:`` (as in the RFC's appendix) is the server, ``S:`` is us."""
        for line in text.strip().split("\n"):
            side, _, words = line.strip().partition(": ")
            octets = words.encode() + b"\r\n"
            if side == "R":
                self.client.receive(octets)
                self.found += events(self.client)
            else:
                self.case.assertEqual(self.client.take_output(), octets)


class TranscriptTests(SynchronousTestCase):
    """The examples of RFC 5321, appendix D, from the client's side."""

    def test_d3_step_2(self) -> None:
        """RFC 5321, appendix D.3: foo.com relays to xyz.com."""
        client = SmtpClient(terms(hostname="foo.com"))
        dialogue = Dialogue(client, self)
        dialogue.play(
            "R: 220 xyz.com Simple Mail Transfer Service Ready\n"
            "S: EHLO foo.com\n"
            "R: 250 xyz.com is on the air"
        )
        message = outgoing(
            Address("Jones", "xyz.com"), reverse_path=Address("JQP", "bar.com")
        )
        client.begin(message, 0.0)
        dialogue.play(
            "S: MAIL FROM:<JQP@bar.com>\n"
            "R: 250 OK\n"
            "S: RCPT TO:<Jones@xyz.com>\n"
            "R: 250 OK\n"
            "S: DATA\n"
            "R: 354 Start mail input; end with <CRLF>.<CRLF>"
        )
        client.write_content(b"Received: from bar.com by foo.com\r\n\r\nBill:\r\n")
        client.end_content()
        self.assertTrue(client.take_output().endswith(b"Bill:\r\n.\r\n"))
        dialogue.play("R: 250 OK")
        client.quit()
        dialogue.play("S: QUIT\nR: 221 foo.com Service closing transmission channel")
        kinds = [type(event) for event in dialogue.found]
        self.assertEqual(kinds, [Ready, GoAhead, Finished])
        self.assertIs(client.state, ClientState.CLOSED)

    def test_d2(self) -> None:
        """RFC 5321, appendix D.2: RSET is not needed by us, but a refusal is heard."""
        client = opened(hostname="bar.com")
        client.begin(outgoing(Address("Brown", "foo.com")), 0.0)
        dialogue = Dialogue(client, self)
        dialogue.play(
            "S: MAIL FROM:<alice@us.test>\n"
            "R: 250 OK\n"
            "S: RCPT TO:<Brown@foo.com>\n"
            "R: 550 No such user here"
        )
        word = dialogue.found[0].words[0]
        self.assertEqual((word.status, word.text), ("5.0.0", "550 No such user here"))


@tabled
class OpeningTests(SynchronousTestCase):
    """From the greeting to a session that stands."""

    def test_starttls(self) -> None:
        """After TLS EHLO is said again, and what was said in the clear is forgotten."""
        client = SmtpClient(terms())
        client.receive(GREETING + ehlo("STARTTLS", "8BITMIME"))
        self.assertEqual(client.take_output(), b"EHLO us.test\r\nSTARTTLS\r\n")
        client.receive(b"220 go\r\n")
        self.assertEqual(events(client), [BeginTLS()])
        client.tls_started()
        self.assertEqual(client.offered, Capabilities())
        self.assertEqual(client.take_output(), b"EHLO us.test\r\n")
        client.receive(ehlo("PIPELINING"))
        [ready] = events(client)
        self.assertTrue(ready.offered.pipelining)
        self.assertFalse(ready.offered.eight_bit or ready.offered.starttls)

    @rows(
        same_segment=(1,),
        next_segment=(0,),
    )
    @threat(8)
    def test_injected_replies(self, together: int) -> None:
        """Replies that come along with the go-ahead are not those of the server."""
        client = SmtpClient(terms())
        client.receive(GREETING)
        client.receive(ehlo("STARTTLS"))
        injected = b"250 X\r\n"
        client.receive(b"220 go\r\n" + injected * together)
        if not together:
            client.receive(injected)
        self.assertIsInstance(events(client)[-1], Ended)
        self.assertIs(client.state, ClientState.CLOSED)

    @rows(
        not_offered=(ehlo("8BITMIME"),),
        refused=(ehlo("STARTTLS") + b"454 4.7.0 not now\r\n",),
        helo_only=(b"500 what?\r\n",),
    )
    @threat(9)
    def test_tls_needed(self, replies: bytes) -> None:
        """Where TLS must be, nothing goes without; the message waits."""
        client = SmtpClient(terms(starttls=StartTLS.ALWAYS))
        client.receive(GREETING + replies)
        [ended] = events(client)
        self.assertTrue(ended.word.status.startswith("4."), ended)

    @rows(
        not_offered=(ehlo("8BITMIME"),),
        refused=(ehlo("STARTTLS") + b"454 4.7.0 not now\r\n",),
    )
    def test_tls_welcome(self, replies: bytes) -> None:
        """Where TLS may be, its absence is no trouble."""
        client = SmtpClient(terms())
        client.receive(GREETING + replies)
        self.assertIsInstance(events(client)[0], Ready)

    @rows(
        greeting_521=(b"521 5.3.2 no mail here\r\n", "5.3.2"),
        greeting_554=(b"554 go away\r\n", "5.0.0"),
        greeting_421=(b"421 4.3.2 busy\r\n", "4.3.2"),
        greeting_250=(b"250 hm\r\n", "4.5.0"),
        ehlo_450=(GREETING + b"450 4.7.1 later\r\n", "4.7.1"),
        helo_550=(GREETING + b"502 no\r\n550 5.7.1 no\r\n", "5.7.1"),
    )
    def test_refused(self, replies: bytes, status: str) -> None:
        """The word on the session is what the server said."""
        client = SmtpClient(terms())
        client.receive(replies)
        [ended] = events(client)
        self.assertEqual(ended.word.status, status)
        self.assertIs(client.state, ClientState.CLOSED)

    def test_lmtp_has_no_helo(self) -> None:
        """LHLO that is refused is the end (RFC 2033, section 4.1)."""
        client = SmtpClient(terms(lmtp=True))
        client.receive(GREETING)
        self.assertEqual(client.take_output(), b"LHLO us.test\r\n")
        client.receive(b"500 5.5.1 what?\r\n")
        self.assertIsInstance(events(client)[0], Ended)

    def test_unsolicited(self) -> None:
        """A reply that nobody asked for ends the session."""
        client = opened()
        client.receive(b"421 4.4.2 idle\r\n")
        [ended] = events(client)
        self.assertEqual(ended.word.status, "4.4.2")

    def test_timeouts(self) -> None:
        """At least what RFC 5321, section 4.5.3.2 says."""
        least = {
            ClientState.GREETING: 300,
            ClientState.COMMANDS: 300,
            ClientState.CONTENT: 180,
            ClientState.FINAL: 600,
        }
        for state, seconds in least.items():
            self.assertGreaterEqual(TIMEOUTS[state], seconds)
        client = opened()
        client.begin(outgoing(), 0.0)
        client.receive(FINE + FINE)
        self.assertEqual(client.timeout, 120)


@tabled
class LoginTests(SynchronousTestCase):
    """AUTH."""

    LOGIN = Login("user", Secret(b"pencil"))

    def asked(self, mechanisms: str, *, encrypted: bool = True, **changes: Any) -> Any:
        """A client that has heard EHLO."""
        client = SmtpClient(
            terms(
                encrypted=encrypted,
                starttls=StartTLS.NEVER,
                **{"login": self.LOGIN, **changes},
            )
        )
        client.receive(GREETING)
        client.take_output()
        client.receive(ehlo(f"AUTH {mechanisms}"))
        return client

    def test_plain(self) -> None:
        """PLAIN in one command (RFC 4616)."""
        client = self.asked("LOGIN PLAIN")
        self.assertEqual(client.take_output(), b"AUTH PLAIN AHVzZXIAcGVuY2ls\r\n")
        client.receive(b"235 2.7.0 welcome\r\n")
        self.assertIsInstance(events(client)[0], Ready)

    def test_login(self) -> None:
        """LOGIN is asked twice."""
        client = self.asked("LOGIN")
        self.assertEqual(client.take_output(), b"AUTH LOGIN\r\n")
        for prompt, answer in (
            (b"VXNlcm5hbWU6", b"user"),
            (b"UGFzc3dvcmQ6", b"pencil"),
        ):
            client.receive(b"334 " + prompt + b"\r\n")
            [asked] = events(client)
            client.respond(client.mechanism.answer(asked.challenge))
            self.assertEqual(client.take_output(), base64.encode(answer) + b"\r\n")
        client.receive(b"235 2.7.0 welcome\r\n")
        self.assertIsInstance(events(client)[0], Ready)

    def test_external(self) -> None:
        """Without a name the certificate speaks; an empty response is ``=``."""
        client = self.asked("PLAIN EXTERNAL", login=Login("", Secret(b"")))
        self.assertEqual(client.take_output(), b"AUTH EXTERNAL =\r\n")

    @rows(plain=("PLAIN",), login=("LOGIN",), nothing=("",))
    @threat(29)
    def test_no_password_in_clear(self, mechanisms: str) -> None:
        """PLAIN and LOGIN are not used without TLS."""
        client = self.asked(mechanisms, encrypted=False)
        self.assertEqual(client.take_output(), b"")
        self.assertIsInstance(events(client)[0], Ended)

    def test_scram(self) -> None:
        """SCRAM is preferred, and a server that does not prove itself is left."""
        client = self.asked("PLAIN SCRAM-SHA-256")
        first = client.take_output()
        self.assertEqual(
            first, b"AUTH SCRAM-SHA-256 " + base64.encode(b"n,,n=user,r=abc") + b"\r\n"
        )
        challenge = b"r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        client.receive(b"334 " + base64.encode(challenge) + b"\r\n")
        [asked] = events(client)
        self.assertIsInstance(asked, Challenged)
        client.respond(client.mechanism.answer(asked.challenge))
        self.assertTrue(client.take_output())
        client.receive(b"235 2.7.0 trust me\r\n")
        [ended] = events(client)
        self.assertEqual(
            ended.word, Trouble("4.7.0", "the server did not prove itself")
        )

    def test_wrong_password(self) -> None:
        """Our fault: the mail waits, and does not bounce."""
        client = self.asked("PLAIN")
        client.receive(b"535 5.7.8 no\r\n")
        [ended] = events(client)
        self.assertEqual(ended.word.status, "4.7.8")
        self.assertNotIn("pencil", ended.word.text)


class RandomTests(SynchronousTestCase):
    """Any server at all."""

    LINES = st.sampled_from(
        [
            b"220 x\r\n", FINE, b"250-x\r\n", b"354 go\r\n", b"421 bye\r\n",
            b"235 ok\r\n", b"450 4.2.0 x\r\n", b"550 5.1.1 x\r\n", b"334 eA==\r\n",
            b"334 !\r\n", ehlo("PIPELINING", "CHUNKING"), ehlo("STARTTLS"),
            ehlo("AUTH LOGIN"), b"x\r\n",
        ]
    )  # fmt: skip

    @given(
        st.lists(st.one_of(LINES, st.sampled_from(["eof", "late", "begin", "end"]))),
        st.sampled_from([b"hi\r\n", None]),
        st.sampled_from([True, False]),
    )
    @settings(deadline=None, max_examples=100)
    def test_any_order(
        self,
        steps: list[Any],
        content: bytes | None,
        lmtp: bool,  # noqa: FBT001 - hypothesis gives it
    ) -> None:
        """Nothing raises; each transaction ends once, with a word for everybody."""
        client = SmtpClient(terms(lmtp=lmtp))
        begun = 0
        heard: list[Any] = []
        for step in [*steps, "eof"]:
            begun += step == "begin" and client.state is ClientState.READY
            self.act(client, step, content)
            for event in events(client):
                heard.append(event)
                if isinstance(event, BeginTLS):
                    client.tls_started()
                elif isinstance(event, Challenged):
                    client.respond(None)
            client.take_output()
        self.assertIs(client.state, ClientState.CLOSED)
        finished = [event for event in heard if isinstance(event, Finished)]
        self.assertEqual([len(event.words) for event in finished], [2] * begun)
        self.assertLessEqual(sum(isinstance(event, Ended) for event in heard), 1)

    @staticmethod
    def act(client: SmtpClient, step: Any, content: bytes | None) -> None:
        """One thing that the server, the clock or the user does."""
        match step:
            case "eof":
                client.receive_eof()
            case "late":
                client.time_out()
            case "begin" if client.state is ClientState.READY:
                client.begin(outgoing(BOB, ALICE, content=content), 0.0)
            case "end":
                client.write_content(b".x")
                client.end_content()
            case bytes():
                client.receive(step)
            case _:
                pass
