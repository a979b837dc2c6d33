"""Servers that know each other by a DNS of their own: two of ours, and a Postfix."""

from __future__ import annotations

import os
import shutil
import smtplib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from email import message_from_bytes, policy
from email.message import Message
from typing import Any, ClassVar, Final

from twisted.trial.unittest import SynchronousTestCase

from mailapp.directory.accounts import Accounts
from tests.interop.demo import PASSWORD, free_port_base
from tests.interop.names import Names
from tests.interop.postfix import Office, Postfix, need_postfix
from tests.interop.served import Served, Setup, start

MANY: Final = "MAILAPP_MANY" in os.environ
PEOPLE: Final = 500 if MANY else 120
LARGE: Final = (30 if MANY else 4) * 1_000_000
ADDRESSES: Final = {
    "a.test": "127.0.0.1",
    "b.test": "127.0.0.2",
    "p.test": "127.0.0.3",
    "old.test": "127.0.0.4",
}
"""Ours, ours, Postfix, and a Postfix without DSN."""
SECONDS: Final = 20.0
_OK: Final = 250
_TABLES: Final = """
[resolver]
servers = ["127.0.0.1"]
port = {names}
[relay]
port = {port}
[queue]
first-retry = "1 min"
{queue}[submission]
messages-per-hour = 0
messages-per-day = 0
recipients-per-hour = 0
recipients-per-day = 0
[limits]
trusted = ["127.0.0.0/8"]
"""


def wait_until(found: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Wait for something and return it.

    Raises:
        AssertionError: it did not come in time.
    """
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return value


def hand_in(
    client: smtplib.SMTP,
    sender: str,
    recipients: Iterable[str],
    content: bytes,
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    """Send a message by BDAT, octet for octet."""
    client.command_encoding = "utf-8"
    client.ehlo()
    replies = [client.mail(sender, mail)]
    replies += [client.rcpt(name, rcpt) for name in recipients]
    if client.sock is None:
        raise ConnectionError
    client.sock.sendall(b"BDAT %d LAST\r\n" % len(content) + content)
    replies.append(client.getreply())
    refused = [reply for reply in replies if reply[0] != _OK]
    if refused:
        raise smtplib.SMTPException(refused)


def submit(
    server: Served,
    recipients: Iterable[str],
    content: bytes,
    *,
    sender: str = "",
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    """Send a message of alice's as she does: over TLS, with a login."""
    context = ssl.create_default_context(cafile=str(server.ca))
    context.check_hostname = False
    alice = f"alice@{server.domain}"
    with smtplib.SMTP_SSL(
        server.setup.address, server.port("submissions"), context=context
    ) as client:
        client.login(alice, PASSWORD)
        hand_in(client, sender or alice, recipients, content, mail, rcpt)


def told(octets: bytes) -> dict[str, str]:
    """The fields of a report about one recipient, as the standard library reads it.

    ``kind`` is the type of the second part, ``returned`` that of the third.
    """
    message = message_from_bytes(octets, policy=policy.default)
    if message.get_content_type() != "multipart/report":
        raise AssertionError(octets)
    _, machine, *returned = message.iter_parts()
    fields = {
        "kind": machine.get_content_type(),
        "null": str(message["Return-Path"]),
        "returned": returned[0].get_content_type() if returned else "",
    }
    # the parser makes a message of each block of message/delivery-status
    blocks: Any = machine.get_payload()
    if blocks and isinstance(blocks[0], Message):
        for block in blocks:
            fields |= {name.lower(): value for name, value in block.items()}
        return fields
    for line in machine.get_content().decode().splitlines():
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return fields


class NeighbourCase(SynchronousTestCase):
    """Servers for all tests of it.

    Attributes:
        with_b, with_postfix: start these, too.
        tables: more of the configuration of ours.
        queue: more of its queue.
        a, b: ours.
        p: Postfix.
        names: their DNS.
        port: of every server's SMTP.
    """

    with_b: ClassVar[bool] = True
    with_postfix: ClassVar[bool] = False
    tables: ClassVar[str] = ""
    queue: ClassVar[str] = ""
    workers: ClassVar[int] = 0

    a: ClassVar[Served]
    b: ClassVar[Served]
    p: ClassVar[Postfix]
    names: ClassVar[Names]
    port: ClassVar[int]

    @classmethod
    def setUpClass(cls) -> None:
        """Start them."""
        if cls.with_postfix:
            need_postfix()
        base = free_port_base()
        cls.port = base + 25
        cls.names = Names()
        cls.addClassCleanup(cls.names.stop)
        for domain, address in ADDRESSES.items():
            cls.names.add(domain, address)
        cls.a = cls._start("a.test", base)
        if cls.with_b:
            cls.b = cls._start("b.test", base, PEOPLE)
        if cls.with_postfix:
            cls.p = cls._start_postfix()
            cls.addClassCleanup(cls.p.stop)
            cls.p.wait_ready()

    @classmethod
    def _start(cls, domain: str, base: int, numbered: int = 0) -> Served:
        tables = _TABLES.format(names=cls.names.port, port=cls.port, queue=cls.queue)
        setup = Setup(
            domain=domain,
            address=ADDRESSES[domain],
            base=base,
            numbered=numbered,
            tables=tables + cls.tables,
            workers=cls.workers,
        )
        server = start(setup)
        cls.addClassCleanup(cls._end, server)
        accounts = Accounts(server.data / "accounts.sqlite")
        try:
            accounts.add_alias(f"jürgen@{domain}", [f"alice@{domain}"])
            accounts.add_alias(f"team@{domain}", ["bob@a.test", "bob@b.test"])
        finally:
            accounts.close()
        return server

    @classmethod
    def _start_postfix(cls) -> Postfix:
        numbered = [f"u{number:03d}" for number in range(PEOPLE)]
        return Postfix(
            Office(
                domain="p.test",
                address=ADDRESSES["p.test"],
                old_domain="old.test",
                old_address=ADDRESSES["old.test"],
                port=cls.port,
                users=["alice", "bob", "jürgen", *numbered],
                aliases={"team@p.test": ["alice@p.test", "bob@p.test"]},
                routes={name: ADDRESSES[name] for name in ("a.test", "b.test")},
                certificates=cls.a.data,
            )
        )

    @classmethod
    def _end(cls, server: Served) -> None:
        server.stop()
        log = server.log
        shutil.rmtree(server.data, ignore_errors=True)
        if "Traceback" in log or "connection.failed" in log:
            raise AssertionError(log[-20_000:])

    # ---- what the tests share

    @property
    def token(self) -> str:
        """A word for this test."""
        return f"for-{self.id().rpartition('.')[2]}"

    def send(
        self,
        origin: str,
        recipients: Iterable[str],
        content: bytes,
        *,
        sender: str = "alice",
        mail: Sequence[str] = (),
        rcpt: Sequence[str] = (),
    ) -> None:
        """Send a message from one of the three: ``a``, ``b``, ``p``."""
        address = f"{sender}@{origin}.test"
        if origin == "p":
            with smtplib.SMTP(ADDRESSES["p.test"], self.port) as client:
                hand_in(client, address, recipients, content, mail, rcpt)
        else:
            server = self.a if origin == "a" else self.b
            submit(server, recipients, content, sender=address, mail=mail, rcpt=rcpt)

    def stored(self, place: str, user: str = "alice") -> list[bytes]:
        """What lies in a mailbox of one of the three."""
        if place == "p":
            return self.p.stored(user)
        return (self.a if place == "a" else self.b).stored(user)

    def arrived(self, place: str, word: bytes, user: str = "alice") -> bytes:
        """Wait for a message that has a word, and return it."""
        found: list[bytes] = wait_until(
            lambda: [m for m in self.stored(place, user) if word in m],
            f"{word!r} at {place}",
        )
        self.assertEqual(len(found), 1)
        return found[0]

    def message(
        self,
        token: str,
        rest: bytes = b"\r\nhello\r\n",
        author: str = "alice@a.test",
    ) -> bytes:
        """A message that a submission has nothing to add to."""
        return (
            f"Subject: {token}\r\nFrom: {author}\r\n"
            "Date: Mon, 6 Jul 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{token}@x.test>\r\nMIME-Version: 1.0\r\n"
        ).encode() + rest
