"""Servers that send on to each other: mail ends, and senders hear of it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address, parse_address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import PermanentFailure
from mailapp.core.status import Status
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.srs import SenderRewriting
from mailapp.delivery.types import Failed
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.directory.resolve import Directory
from mailapp.directory.types import ListSettings
from mailapp.queue.bounce import Reporter
from mailapp.queue.content import Octets
from mailapp.queue.intake import Intake
from mailapp.queue.types import Attempt, Entry, Outcome, Reported
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.types import AccountId
from tests.threats import threat
from tests.unit.delivery.doubles import Store, run
from tests.unit.queue.doubles import FakeQueue, Journal, Queued, queued_envelope

NOW = 1_000_000_000.0
MESSAGE = b"Subject: round and round\r\n\r\nbody\r\n"


class Host:
    """A server for one domain; the whole of it but for the network."""

    def __init__(self, domain: str, accounts: Accounts) -> None:
        self.domain = domain
        self.accounts = accounts
        self.store, self.queue = Store(), FakeQueue()
        journal = Journal()
        tokens = count(1)

        def token() -> str:
            return f"{next(tokens):08}"

        def now() -> float:
            return NOW

        self.intake = Intake(
            LocalDelivery(
                cast(IMailStore, self.store),
                Directory(accounts, [domain]),
                domain,
                leaves=True,
            ),
            self.queue,
            journal,
            domain,
            now,
            token,
            SenderRewriting(domain.encode(), domain, [domain]),
        )
        postmaster = Address("postmaster", domain)
        self.reporter = Reporter(self.intake, journal, domain, postmaster, now, token)

    def receive(self, envelope: Envelope, content: bytes) -> Sequence[Status | None]:
        """For each recipient why it is refused, or None."""
        found: list[Status | None] = []
        for recipient in envelope.recipients:
            one = evolve(envelope, recipients=[recipient])
            try:
                route = run(self.intake.route(recipient.address))
                body = self.intake.begin(one, [route])
                run(body.write(content))
                [outcome] = run(body.commit())
            except PermanentFailure as problem:
                found.append(problem.status)
            else:
                failed = isinstance(outcome, Failed)
                found.append(cast(Failed, outcome).status if failed else None)
        return found

    def report(self, entry: Queued, problems: Mapping[int, Status]) -> None:
        """Tell the sender of an entry what the next server said."""
        reported = [
            Reported(
                place,
                Attempt(Outcome.FAILED, NOW, status.enhanced(550), "550 no", "mx"),
            )
            for place, status in problems.items()
        ]
        known = Entry(entry.envelope, len(entry.content), False, NOW)  # noqa: FBT003
        run(self.reporter.report(known, reported, Octets(entry.content)))

    def mailboxes(self) -> list[tuple[str, bytes]]:
        """What was delivered: account and content."""
        return [
            (to.account, content) for content, tos in self.store.delivered for to in tos
        ]


class LoopTests(SynchronousTestCase):
    """Hosts a.test, b.test and c.test; carol@c.test writes."""

    def setUp(self) -> None:
        """Make them; ids of envelopes are unique."""
        self.hosts: dict[str, Host] = {}
        self.hops = 0
        self._ids = count(1)
        for domain in ("a.test", "b.test", "c.test"):
            accounts = Accounts(Path(self.mktemp()))
            self.addCleanup(accounts.close)
            for name in ("carol", "owner"):
                account = AccountId(f"{name}@{domain}")
                accounts.add([(account, NewPassword("x"))], now=1)
            self.hosts[domain] = Host(domain, accounts)

    def alias(self, address: str, *targets: str, owner: str = "") -> None:
        """Make an alias, or a list if it has an owner."""
        accounts = self.hosts[address.partition("@")[2]].accounts
        accounts.add_alias(address, targets)
        if owner:
            accounts.set_list(address, ListSettings(parse_address(owner.encode())))

    def send(self, recipient: str) -> None:
        """Carol's message, and all that follows from it."""
        address = parse_address(recipient.encode())
        envelope = queued_envelope(
            Recipient(address), reverse_path=Address("carol", "c.test"), id="m0"
        )
        problems = self.hosts[address.domain].receive(envelope, MESSAGE)
        self.assertEqual([None], problems)
        while self.hops < 50 and self.carry():
            pass
        self.assertLess(self.hops, 50)

    def carry(self) -> bool:
        """Take one entry to where its recipients are; was there one?"""
        for host in self.hosts.values():
            if host.queue.entries:
                entry = host.queue.entries.pop(0)
                problems: dict[int, Status] = {}
                for place, recipient in enumerate(entry.envelope.recipients):
                    self.hops += 1
                    one = evolve(
                        entry.envelope,
                        id=f"m{next(self._ids)}",
                        recipients=[recipient],
                    )
                    to = self.hosts[recipient.address.domain]
                    [problem] = to.receive(one, entry.content)
                    if problem is not None:
                        problems[place] = problem
                if problems:
                    host.report(entry, problems)
                return True
        return False

    def reports(self, domain: str) -> list[str]:
        """Who got a report here."""
        return [
            account
            for account, content in self.hosts[domain].mailboxes()
            if b"multipart/report" in content
        ]

    @threat(21)
    def test_aliases(self) -> None:
        """Two servers that forward to each other: it ends, with one report."""
        self.alias("x@a.test", "y@b.test")
        self.alias("y@b.test", "x@a.test")
        self.send("x@a.test")
        self.assertLessEqual(self.hops, 6)
        self.assertEqual(["carol@c.test"], self.reports("c.test"))
        [(_, content)] = self.hosts["c.test"].mailboxes()
        self.assertIn(b"Status: 5.4.6", content)

    @threat(21)
    def test_lists(self) -> None:
        """Two lists that hold each other: every member gets it once, owners hear."""
        self.alias("l@a.test", "l@b.test", owner="owner@a.test")
        self.alias("l@b.test", "l@a.test", "owner@c.test", owner="owner@b.test")
        self.send("l@a.test")
        self.assertEqual(
            ["owner@c.test"], [to for to, _ in self.hosts["c.test"].mailboxes()]
        )
        self.assertEqual(["owner@b.test"], self.reports("b.test"))
        self.assertEqual([], self.reports("a.test") + self.reports("c.test"))

    def test_far_failure(self) -> None:
        """What fails behind two forwarders is told to who wrote it, through both."""
        self.alias("x@a.test", "y@b.test")
        self.alias("y@b.test", "nobody@c.test")
        self.send("x@a.test")
        self.assertEqual(["carol@c.test"], self.reports("c.test"))
        [(_, content)] = self.hosts["c.test"].mailboxes()
        self.assertIn(b"Final-Recipient: rfc822; nobody@c.test", content)
        self.assertIn(b"Original-Recipient: rfc822; x@a.test", content)

    def test_arrives(self) -> None:
        """What finds its way makes no report at all."""
        self.alias("x@a.test", "y@b.test", "carol@a.test")
        self.alias("y@b.test", "owner@c.test")
        self.send("x@a.test")
        found = [to for host in self.hosts.values() for to, _ in host.mailboxes()]
        self.assertEqual(["carol@a.test", "owner@c.test"], sorted(found))
