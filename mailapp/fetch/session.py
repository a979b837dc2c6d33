"""Fetches once from a source: the mailbox here, the ledger, the server there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailapp.core.address import parse_address
from mailapp.core.failures import DeliveryFailure, SyntaxProblem
from mailapp.delivery.interfaces import IDelivery
from mailapp.delivery.types import Route
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Account, Local
from mailapp.fetch.dialogue import Connect, Dialogue
from mailapp.fetch.intake import Intake, Place
from mailapp.fetch.ledger import BadLedger, Busy, Ledger
from mailapp.fetch.pop2 import Pop2Run
from mailapp.fetch.pop3 import Pop3Run
from mailapp.fetch.tally import Tally, Watch
from mailapp.fetch.traces import find_delivered
from mailapp.fetch.types import FetchProblem, Report, Source, Speech
from mailapp.net.threads import InThread
from mailapp.net.tls import BadCertificate
from mailapp.pop2 import client as pop2
from mailapp.pop3 import client as pop3
from mailapp.storage.files import Files
from mailapp.storage.interfaces import IAccount, IMailStore
from mailapp.storage.types import CreateFolder, Exists, NoSuch, StoreError

BUSY: Final = "another process is fetching from it"


@frozen(kw_only=True)
class Surroundings:
    """What runs share.

    Attributes:
        store: where mailboxes are.
        delivery: into that store; ``user+detail`` goes into the mailbox ``detail``.
        directory: knows the accounts.
        connect: to a host and port.
        clock: for deadlines.
        in_thread: for what blocks.
        files: the disk of the ledgers.
        folder: where ledgers lie.
        now: seconds since the epoch.
        token: a fresh id for each message.
        nonce: for SCRAM.
    """

    store: IMailStore
    delivery: IDelivery
    directory: IDirectory
    connect: Connect
    clock: IReactorTime
    in_thread: InThread
    files: Files
    folder: bytes
    now: Callable[[], float]
    token: Callable[[], str]
    nonce: Callable[[], str]


class Fetcher:
    """Fetches; one serves all sources of a process."""

    log: ClassVar = Logger()

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._dialogues: set[Dialogue] = set()

    def hang_up(self) -> None:
        """End the runs under way: what was fetched is safe, the rest comes again."""
        for dialogue in list(self._dialogues):
            dialogue.hang_up()

    async def run(
        self, source: Source, *, dry: bool = False, watch: Watch | None = None
    ) -> Report:
        """Fetch once. What a server, the network or a disk does is in the report.

        Args:
            source: where from, and where to.
            dry: look only: nothing is fetched, deleted or written down.
            watch: told how far it is.
        """
        tally = Tally() if watch is None else Tally(watch=watch)
        try:
            await self._run(source, tally, dry=dry)
        except Busy:
            report = tally.report(source.name, BUSY)
        except (FetchProblem, BadCertificate, BadLedger) as problem:
            lasting = not isinstance(problem, FetchProblem) or problem.lasting
            report = tally.report(source.name, str(problem), lasting=lasting)
        except OSError as problem:
            reason = f"the ledger: {problem.strerror or problem}"
            report = tally.report(source.name, reason)
        except StoreError:
            report = tally.report(source.name, "the mailbox can't be looked at now")
        else:
            report = tally.report(source.name)
        self._tell(report)
        return report

    async def _run(self, source: Source, tally: Tally, *, dry: bool) -> None:
        around = self._around
        account, mailbox = await self._open(source)
        ledger = await around.in_thread(
            Ledger.open, around.files, around.folder, source.ledger_name
        )
        try:
            if not dry:
                await self._recover(ledger, mailbox)
            dialogue = await self._connect(source)
            self._dialogues.add(dialogue)
            try:
                route = await self._route(source, account, mailbox, dry=dry)
                await self._converse(source, dialogue, ledger, tally, route)
            finally:
                self._dialogues.discard(dialogue)
                dialogue.close()
        finally:
            await around.in_thread(ledger.close)

    async def _converse(
        self,
        source: Source,
        dialogue: Dialogue,
        ledger: Ledger,
        tally: Tally,
        route: Route | None,
    ) -> None:
        """Speak to the server; without a route only look."""
        around = self._around
        common: dict[str, Any] = {
            "source": source,
            "dialogue": dialogue,
            "machine": dialogue.machine,
            "ledger": ledger,
            "in_thread": around.in_thread,
            "tally": tally,
            "now": around.now,
        }
        if source.speech is Speech.POP2:
            old = Pop2Run(**common)
            await old.log_in()
            if route is None:
                await old.look()
            else:
                await old.carry_out(self._intake(source, dialogue, ledger, route))
            return
        new = Pop3Run(**common, nonce=around.nonce)
        await new.log_in()
        plan = await new.plan()
        if route is None:
            tally.known, tally.left = plan.known + len(plan.delete), plan.left
            await new.leave()
        else:
            intake = self._intake(source, dialogue, ledger, route)
            await new.carry_out(plan, intake)

    def _intake(
        self, source: Source, dialogue: Dialogue, ledger: Ledger, route: Route
    ) -> Intake:
        around = self._around
        place = Place(around.delivery, route, dialogue.peer(), around.now, around.token)
        return Intake(source, ledger, place, around.in_thread)

    async def _open(self, source: Source) -> tuple[Account, IAccount | None]:
        """The account here, and its mailboxes if there are any yet."""
        around = self._around
        try:
            account = await around.directory.account(source.into)
        except DeliveryFailure as problem:
            raise FetchProblem(problem.status.text) from problem
        if account is None or not account.enabled:
            msg = f"there is no account {source.into} here, or it is disabled"
            raise FetchProblem(msg, lasting=True)
        try:
            return account, await around.store.open(account.id)
        except NoSuch:
            return account, None

    async def _route(
        self, source: Source, account: Account, mailbox: IAccount | None, *, dry: bool
    ) -> Route | None:
        """To the mailbox, which is made if it is not there; None for a dry run."""
        if dry:
            return None
        if mailbox is None:
            quota = account.quota_octets
            mailbox = await self._around.store.create(account.id, quota)
        if source.folder:
            try:
                change = CreateFolder((source.folder,))
                await mailbox.commit(
                    [change], request_id=self._around.token().encode("ascii")
                )
            except Exists:
                pass
            except StoreError as problem:
                msg = f"the mailbox {source.folder} can't be made"
                raise FetchProblem(msg) from problem
        try:
            address = parse_address(account.id.encode())
        except SyntaxProblem as problem:
            raise FetchProblem(problem.reason, lasting=True) from problem
        return Route(address, (Local(account, source.folder),))

    async def _recover(self, ledger: Ledger, mailbox: IAccount | None) -> None:
        """Find out what became of deliveries that a crash interrupted."""
        intents = list(ledger.book.intents.values())
        if not intents:
            return
        found = frozenset[bytes]()
        if mailbox is not None:
            found = await find_delivered(mailbox, intents)
        for intent in intents:
            if intent.key in found:
                ledger.deliver(intent.key, intent.digest, intent.at)
            else:
                ledger.forget(intent.key)
        await self._around.in_thread(ledger.sync)

    async def _connect(self, source: Source) -> Dialogue:
        dialogue = self._dialogue(source)
        try:
            await self._around.connect(source.host, source.port, dialogue)
        except DNSLookupError as problem:
            msg = f"the name {source.host} is not known"
            raise FetchProblem(msg) from problem
        except ConnectError as problem:
            msg = f"no connection to {source.host}, port {source.port}"
            raise FetchProblem(msg) from problem
        return dialogue

    def _dialogue(self, source: Source) -> Dialogue:
        clock, timeout = self._around.clock, source.bounds.timeout
        if source.speech is Speech.POP2:
            return Dialogue(pop2.Pop2Client(), clock, timeout, pop2.Piece)
        return Dialogue(pop3.Pop3Client(), clock, timeout, pop3.Piece)

    def _tell(self, report: Report) -> None:
        facts: dict[str, Any] = {
            "source": report.source,
            "fetched": report.fetched,
            "known": report.known,
            "deleted": report.deleted,
            "left": report.left,
            "size_octets": report.octets,
        }
        if report.problem:
            self.log.warn(
                "fetched {fetched} from {source}, then: {problem}",
                event="fetch.run.failed",
                problem=report.problem,
                **facts,
            )
        else:
            self.log.info(
                "fetched {fetched} from {source}", event="fetch.run.ended", **facts
            )
