"""A message that takes long, from the queue through a relay: its sender is told."""

from __future__ import annotations

from itertools import count
from typing import cast

from mailapp.core.address import Address
from mailapp.core.envelope import Notify
from mailapp.delivery.local import LocalDelivery
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.net.records import MX, RecordType
from mailapp.queue.bounce import Reporter
from mailapp.queue.carrying import Services
from mailapp.queue.dispatch import Dispatcher
from mailapp.queue.intake import Intake
from mailapp.queue.schedule import Schedule
from mailapp.storage.interfaces import IMailStore
from tests.unit.delivery.doubles import Store
from tests.unit.queue.doubles import Journal
from tests.unit.queue.postman import Post, PostCase, domain_of, envelope
from tests.unit.relay.net import FakeServer, World

HOST = "us.test"
HOUR = 3600.0


class _Network(World):
    """Servers that share the clock of a queue."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.seconds()


class DelayTests(PostCase):
    """The server of far.test wants nothing yet; that of the sender takes all."""

    def new_post(self) -> Post:
        """A queue whose carrier and reporter are those of a server."""
        post = super().new_post()
        self.home = FakeServer()
        self.network = _Network(
            {
                "192.0.2.1": lambda: self.home,
                "192.0.2.2": lambda: FakeServer(rcpt=b"451 4.7.1 greylisted\r\n"),
            },
            {
                ("example.test", RecordType.MX): [MX(10, "home.example.test")],
                ("home.example.test", RecordType.A): ["192.0.2.1"],
                ("far.test", RecordType.MX): [MX(10, "far.test")],
                ("far.test", RecordType.A): ["192.0.2.2"],
            },
            clock=self.clock,
        )
        accounts = Accounts(self.folder / "accounts")
        tokens = count(1)
        journal = Journal()

        def token() -> str:
            return f"{next(tokens):08}"

        directory = Directory(accounts, [HOST])
        store = cast(IMailStore, Store())
        local = LocalDelivery(store, directory, HOST, leaves=True)
        now = self.clock.seconds
        intake = Intake(local, post.spool, journal, HOST, now, token)
        postmaster = Address("postmaster", HOST)
        schedule = Schedule(jitter=0.0)
        reporter = Reporter(
            intake,
            journal,
            HOST,
            postmaster,
            now,
            token,
            retried_until=schedule.expires_at,
        )
        services = Services(self.network.relay, reporter, journal, domain_of)
        post.dispatcher = Dispatcher(
            post.custody,
            services,
            schedule=schedule,
            random=lambda: 0.5,
        )
        return post

    def test_told_once(self) -> None:
        """After four hours its sender is told, once, with what the server said."""
        self.post.put(envelope("m1"))
        self.wait(3.9 * HOUR)
        self.assertEqual(self.home.messages, [])
        self.wait(2.2 * HOUR)
        [report] = self.home.messages
        for line in (
            b"To: <alice@example.test>",
            b"Action: delayed",
            b"Final-Recipient: rfc822; bob@far.test",
            b"Diagnostic-Code: smtp; 451 4.7.1 greylisted",
            b"Will-Retry-Until: ",
        ):
            self.assertIn(line, report)
        self.wait(7 * HOUR)
        self.assertEqual(len(self.home.messages), 1)
        self.assertEqual(self.left(), ["m1", "m1.log"])

    def test_restarted(self) -> None:
        """That it was told lasts."""
        self.post.put(envelope("m1"))
        self.wait(6.1 * HOUR)
        self.assertEqual(len(self.home.messages), 1)
        self.restart()
        self.wait(7 * HOUR)
        self.assertEqual(self.home.messages, [])

    def test_unasked(self) -> None:
        """RFC 3461, section 4.1: not where NOTIFY names other things."""
        self.post.put(envelope("m1", notify=Notify.FAILURE))
        self.wait(7 * HOUR)
        self.assertEqual(self.home.messages, [])
