"""The client logs in to our own submission server, by each mechanism that both know."""

from __future__ import annotations

import re
from typing import Any

from mailapp.core.address import Address
from mailapp.core.connection import Signal
from mailapp.core.secret import Secret
from mailapp.smtp.client import SmtpClient
from mailapp.smtp.client_login import Login
from mailapp.smtp.client_states import Challenged, Ended, Finished, Ready, Terms
from tests.rows import rows, tabled
from tests.unit.smtp.clients import outgoing
from tests.unit.smtp.ledger import dial
from tests.unit.smtp.test_auth import SAFE, SUBMISSION, SubmissionCase

ALICE = Login("alice", Secret(b"pencil alice@example.test"))


@tabled
class LoginTests(SubmissionCase):
    """Client and server, octet for octet."""

    def talk(self, mechanism: str, login: Login) -> tuple[SmtpClient, list[Any]]:
        """Until nobody has anything to say; the client hears of one mechanism only."""
        wire = dial(
            self.ledger,
            profile=SUBMISSION,
            peer=SAFE,
            policy=self.rules,
            authenticator=self.authenticator,
        )
        terms = Terms(
            hostname="us.test", nonce=lambda: "nonce", encrypted=True, login=login
        )
        client = SmtpClient(terms)
        client.receive(b"220 what dial() has read\r\n")
        wire.feed(client.take_output())
        found: list[Any] = []
        for _ in range(20):
            said = re.sub(rb"AUTH [^\r]*", b"AUTH " + mechanism.encode(), wire.take())
            client.receive(said)
            while not isinstance(event := client.next_event(), Signal):
                found.append(event)
                if isinstance(event, Challenged) and client.mechanism is not None:
                    client.respond(client.mechanism.answer(event.challenge))
                if isinstance(event, Ready):
                    sender = Address("alice", "example.test")
                    content = b"From: alice@example.test\r\n\r\nhi\r\n"
                    client.begin(
                        outgoing(sender, reverse_path=sender, content=content), 0.0
                    )
            octets = client.take_output()
            if not octets:
                break
            wire.feed(octets)
        return client, found

    @rows(
        scram=("SCRAM-SHA-256", ALICE),
        plain=("PLAIN", ALICE),
        login=("LOGIN", ALICE),
        external=("EXTERNAL", Login("", Secret(b""))),
    )
    def test_welcome(self, mechanism: str, login: Login) -> None:
        """The right password, or certificate, lets us in; then a message goes."""
        _, found = self.talk(mechanism, login)
        kinds = [type(event) for event in found if not isinstance(event, Challenged)]
        self.assertEqual(kinds[0], Ready, found)

    @rows(
        scram=("SCRAM-SHA-256",),
        plain=("PLAIN",),
        login=("LOGIN",),
    )
    def test_wrong(self, mechanism: str) -> None:
        """A wrong one leaves us outside; the mail waits, the password stays unsaid."""
        _, found = self.talk(mechanism, Login("alice", Secret(b"pincel")))
        ended = found[-1]
        self.assertIsInstance(ended, Ended)
        self.assertEqual(ended.word.status, "4.7.8")
        self.assertNotIn("pincel", ended.word.text)

    def test_a_message(self) -> None:
        """What is sent after the login is taken."""
        _, found = self.talk("PLAIN", ALICE)
        [finished] = [event for event in found if isinstance(event, Finished)]
        self.assertEqual([word.positive for word in finished.words], [True], finished)
