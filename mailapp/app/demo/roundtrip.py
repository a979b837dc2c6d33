"""Sends a message and reads it back through every protocol: ``demo --check``.

The clients are the standard library's, over TLS that they verify, and our own for POP2;
they block, so this runs in a thread or in a process of its own.
"""

from __future__ import annotations

import binascii
import imaplib
import poplib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from mailapp.app.demo.outside import DOMAIN, HOST
from mailapp.app.demo.pop2_client import Pop2Mailbox
from mailapp.events.record import Kind
from mailapp.events.story import find

_TIMEOUT: Final = 20.0  # seconds
_PAUSE: Final = 0.05
_NOT_YOURS: Final = 550


@frozen
class Target:
    """A running server and an account on it.

    Attributes:
        ports: protocol name (``smtp``, ``submissions``, ``pop3s``) to port on loopback.
        ca_file: the certificate authority to trust.
        sender_password: empty, if it is not known.
        journal: the folder of the server's journal; None: it is not asked.
    """

    ports: dict[str, int]
    ca_file: str
    sender: str
    recipient: str
    password: str
    host: str = "localhost"
    sender_password: str = ""
    journal: Path | None = None


@frozen
class Finding:
    """How one protocol did.

    Attributes:
        problem: what went wrong, or empty.
    """

    protocol: str
    what: str
    seconds: float
    problem: str = ""


def check(target: Target, token: str) -> Iterator[Finding]:
    """Send a message that holds ``token``, then read it back by every protocol."""
    message = _message(target, token)
    steps: dict[str, tuple[str, Callable[[], None]]] = {
        "smtp": (
            "a message sent, over STARTTLS",
            lambda: _send(target, message),
        ),
        "submissions": (
            "a message handed in with a login, over TLS, and read back",
            lambda: _hand_in(target, token),
        ),
        "lmtp": (
            "a message delivered, with a reply for each recipient, and read back",
            lambda: _deliver(target, token),
        ),
        "pop2": (
            "the same message read back, in 7 bits",
            lambda: _read_by_pop2(target, message, token),
        ),
        "pop3": (
            "the same message read back, over STLS",
            lambda: _read_by_pop3(target, message, token, implicit_tls=False),
        ),
        "pop3s": (
            "the same message read back, over TLS",
            lambda: _read_by_pop3(target, message, token, implicit_tls=True),
        ),
        "imap": (
            "the same message found and read, over STARTTLS",
            lambda: _read_by_imap(target, message, token, implicit_tls=False),
        ),
        "imaps": (
            "the same message found and read, over TLS",
            lambda: _read_by_imap(target, message, token, implicit_tls=True),
        ),
    }
    for protocol, (what, step) in steps.items():
        if protocol in target.ports:
            yield _timed(protocol, what, step)
    if target.journal is not None and "submissions" in target.ports:
        journal = target.journal
        what = "a message sent by the queue to another host, and back; why tells it"
        yield _timed("queue", what, lambda: _send_around(target, journal, token))


def _timed(protocol: str, what: str, step: Callable[[], None]) -> Finding:
    begin = time.perf_counter()
    problem = ""
    try:
        step()
    except (OSError, smtplib.SMTPException, poplib.error_proto, LookupError) as error:
        problem = f"{type(error).__name__}: {error}"
    return Finding(protocol, what, time.perf_counter() - begin, problem)


def _message(target: Target, token: str) -> bytes:
    return (
        f"From: {target.sender}\r\nTo: {target.recipient}\r\n"
        f"Subject: mailapp check {token}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
        f"Grüße, {token}.\r\n.a line that begins with a dot\r\n.\r\n"
    ).encode()


def _send(target: Target, message: bytes) -> None:
    context = ssl.create_default_context(cafile=target.ca_file)
    with smtplib.SMTP(target.host, target.ports["smtp"], timeout=_TIMEOUT) as smtp:
        smtp.starttls(context=context)
        smtp.sendmail(target.sender, [target.recipient], message, ["BODY=8BITMIME"])


def _deliver(target: Target, token: str) -> None:
    """Two recipients, one of them unknown, and one reply for the other."""
    half = len(token) // 2
    token = token[half:] + token[:half]  # another one again
    message = f"Subject: LMTP\r\n\r\nDelivered, {token}.\r\n".encode()
    nobody = "nobody." + target.sender
    with smtplib.LMTP(target.host, target.ports["lmtp"]) as lmtp:
        refused = lmtp.sendmail(target.sender, [nobody, target.recipient], message)
    if list(refused) != [nobody]:
        reason = "LMTP took a recipient that is not there"
        raise LookupError(reason)
    _find_by_pop3(target, token, implicit_tls=True)


def _hand_in(target: Target, token: str) -> None:
    """The server adds what the author left out, and lets nobody else's name pass."""
    context = ssl.create_default_context(cafile=target.ca_file)
    token = token[::-1]  # another one: the other message is looked for, too
    body = f"Handed in, {token}.\r\n".encode()
    head = f"From: {target.recipient}\r\nTo: {target.recipient}\r\n"
    message = head.encode() + b"Bcc: nobody@invalid.example\r\n\r\n" + body
    port = target.ports["submissions"]
    with smtplib.SMTP_SSL(
        target.host, port, timeout=_TIMEOUT, context=context
    ) as submission:
        submission.login(target.recipient, target.password)
        submission.sendmail(target.recipient, [target.recipient], message)
        if submission.mail(target.sender)[0] != _NOT_YOURS:
            reason = "a message could be sent in the name of another account"
            raise LookupError(reason)
    lines = _find_by_pop3(target, token, implicit_tls=True)
    names = {line.partition(b":")[0] for line in lines}
    if not {b"Date", b"Message-ID"} <= names or b"Bcc" in names:
        reason = "the header of the message was not mended"
        raise LookupError(reason)


def _send_around(target: Target, journal: Path, token: str) -> None:
    """To a host outside, which sends it to the other account; the journal tells it."""
    context = ssl.create_default_context(cafile=target.ca_file)
    token = f"around-{token}"
    name = f"<{token}@{target.host}>"
    reader = target
    if target.sender_password:
        reader = evolve(
            target, recipient=target.sender, password=target.sender_password
        )
    recipient = f"forward+{reader.recipient.partition('@')[0]}@{DOMAIN}"
    message = (
        f"From: {target.recipient}\r\nTo: {recipient}\r\nMessage-ID: {name}\r\n"
        f"Subject: mailapp check\r\n\r\nAround the world, {token}.\r\n"
    ).encode()
    port = target.ports["submissions"]
    with smtplib.SMTP_SSL(
        target.host, port, timeout=_TIMEOUT, context=context
    ) as submission:
        submission.login(target.recipient, target.password)
        submission.sendmail(target.recipient, [recipient], message)
    _until(lambda: _find_by_pop3(reader, token, implicit_tls=True))
    _until(lambda: _told(journal, name))


def _told(journal: Path, name: str) -> None:
    """The story of a message ends with the words of the host outside."""
    events = [event for story in find(journal, name) for event in story.events]
    if not any(
        event.kind is Kind.RELAYED and event.host.startswith(HOST) for event in events
    ):
        reason = f"the journal does not tell that {HOST} took {name}"
        raise LookupError(reason)


def _until(step: Callable[[], object]) -> None:
    """Do it again until it succeeds, for a while."""
    end = time.monotonic() + _TIMEOUT
    while True:
        try:
            step()
        except LookupError:
            if time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _read_by_pop3(
    target: Target, message: bytes, token: str, *, implicit_tls: bool
) -> None:
    lines = _find_by_pop3(target, token, implicit_tls=implicit_tls)
    if not b"\r\n".join([*lines, b""]).endswith(message):
        reason = "the message came back changed"
        raise LookupError(reason)


def _find_by_pop3(target: Target, token: str, *, implicit_tls: bool) -> list[bytes]:
    """The lines of the newest message that holds the token."""
    context = ssl.create_default_context(cafile=target.ca_file)
    pop: poplib.POP3
    if implicit_tls:
        port = target.ports["pop3s"]
        pop = poplib.POP3_SSL(target.host, port, timeout=_TIMEOUT, context=context)
    else:
        pop = poplib.POP3(target.host, target.ports["pop3"], timeout=_TIMEOUT)
        pop.stls(context)
    pop.user(target.recipient)
    pop.pass_(target.password)
    count, _octets = pop.stat()
    for number in range(count, 0, -1):
        lines = pop.retr(number)[1]
        if any(token.encode() in line for line in lines):
            break
    else:
        pop.quit()
        reason = f"the message is not among the {count} in the maildrop"
        raise LookupError(reason)
    pop.quit()
    return lines


def _read_by_imap(
    target: Target, message: bytes, token: str, *, implicit_tls: bool
) -> None:
    context = ssl.create_default_context(cafile=target.ca_file)
    imap: imaplib.IMAP4
    if implicit_tls:
        port = target.ports["imaps"]
        imap = imaplib.IMAP4_SSL(
            target.host, port, ssl_context=context, timeout=_TIMEOUT
        )
    else:
        imap = imaplib.IMAP4(target.host, target.ports["imap"], _TIMEOUT)
        imap.starttls(context)
    with imap:
        imap.login(target.recipient, target.password)
        imap.select("INBOX", readonly=True)
        found = imap.uid("SEARCH", "SUBJECT", token)[1][0].split()
        if not found:
            reason = "the message is not in INBOX"
            raise LookupError(reason)
        answer = imap.uid("FETCH", found[-1].decode(), "(BODY.PEEK[])")[1][0]
    if not answer[1].endswith(message):
        reason = "the message came back changed"
        raise LookupError(reason)


def _read_by_pop2(target: Target, message: bytes, token: str) -> None:
    """POP2 shows an 8-bit message as 7-bit MIME: the same text, in another dress."""
    address = (target.host, target.ports["pop2"])
    connected = socket.create_connection(address, _TIMEOUT)
    with Pop2Mailbox(connected) as mailbox:
        user, password = target.recipient.encode(), target.password.encode()
        number = mailbox.log_in(user, password)
        found = b""
        while number and token.encode() not in found:
            if mailbox.measure(number):
                found = mailbox.retrieve()
                mailbox.keep()
            number -= 1
        mailbox.quit()
    if token.encode() not in found:
        reason = "the message is not in the mailbox"
        raise LookupError(reason)
    body = found.partition(b"\r\n\r\n")[2]
    if b"\nContent-Transfer-Encoding: base64\r\n" in found:
        body = binascii.a2b_base64(body)
    else:
        body = binascii.a2b_qp(body)
    if body != message.partition(b"\r\n\r\n")[2] or not found.isascii():
        reason = "the message came back changed"
        raise LookupError(reason)
