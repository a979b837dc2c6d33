"""Commands to an IMAP server, and the way to the authenticated state."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.core.secret import Secret
from mailapp.fetch.dialogue import Connect, Dialogue
from mailapp.fetch.login import plain_message
from mailapp.fetch.types import FetchProblem, Protection
from mailapp.fetch.words import with_words
from mailapp.moving.imap_answers import quoted
from mailapp.moving.imap_client import Event, ImapClient, Piece, Said, Trouble
from mailapp.moving.types import MoveProblem
from mailapp.net.tls import BadCertificate

_ANSWERS_MOST: Final = 100_000


@frozen(kw_only=True)
class Server:
    """An account on a server.

    Attributes:
        host: name or address.
        user: whose mail it is, there.
        password: of that user.
        authority: PEM file of the authorities to trust; None: those of the system.
        verify: it has to prove its name.
        timeout: seconds without progress after which it is given up.
    """

    host: str
    port: int
    user: str
    password: Secret
    protection: Protection = Protection.IMPLICIT
    authority: Path | None = None
    verify: bool = True
    timeout: float = 120.0


@define(eq=False)
class Talk:
    """A conversation with a server.

    Attributes:
        dialogue: with the server.
        server: the account there.
        capabilities: that it announced last, in capitals.
    """

    dialogue: Dialogue
    server: Server
    capabilities: frozenset[str] = frozenset()
    _number: int = field(default=0, init=False)

    async def event(self) -> Event:
        """The next event.

        Raises:
            MoveProblem: the conversation is over.
        """
        event: Event = await self.dialogue.event()
        if isinstance(event, Trouble):
            raise MoveProblem(event.reason, lasting=False)
        if isinstance(event, Said) and event.octets[:6].upper() == b"* BYE ":
            msg = "the server says goodbye"
            raise MoveProblem(
                with_words(msg, event.octets[6:], self.server), lasting=False
            )
        return event

    def send(self, command: bytes) -> bytes:
        """Send a command; its tag."""
        self._number += 1
        tag = b"a%d" % self._number
        self.dialogue.write(tag + b" " + command + b"\r\n")
        return tag

    def ends(self, tag: bytes, answer: bytes) -> bool:
        """Is it the end of the command with this tag?

        Raises:
            MoveProblem: the server did not do it.
        """
        if not answer.startswith(tag + b" "):
            return False
        word, _, text = answer[len(tag) + 1 :].partition(b" ")
        if word.upper() != b"OK":
            msg = "the server refuses"
            raise MoveProblem(with_words(msg, text, self.server))
        return True

    async def saying(self, command: bytes) -> AsyncIterator[bytes]:
        """The untagged responses to a command, one after the other."""
        tag = self.send(command)
        while True:
            event = await self.event()
            if isinstance(event, Said):
                if self.ends(tag, event.octets):
                    return
                yield event.octets

    async def do(self, command: bytes) -> list[bytes]:
        """The same, all of them: for commands that are answered shortly."""
        answers: list[bytes] = []
        async for answer in self.saying(command):
            answers.append(answer)
            if len(answers) > _ANSWERS_MOST:
                msg = "the server lists more than there can be"
                raise MoveProblem(msg)
        return answers

    async def ask_capabilities(self) -> None:
        """What the server can do now."""
        for answer in await self.do(b"CAPABILITY"):
            word, _, rest = answer[2:].partition(b" ")
            if word.upper() == b"CAPABILITY":
                words = rest.decode("ascii", "replace").upper().split()
                self.capabilities = frozenset(words)


async def log_in(server: Server, connect: Connect, clock: IReactorTime) -> Talk:
    """Connect, with TLS as wanted, and log in.

    Raises:
        MoveProblem: it can't be done.
    """
    machine = ImapClient()
    dialogue = Dialogue(machine, clock, server.timeout, Piece)
    try:
        await connect(server.host, server.port, dialogue)
    except Exception as problem:
        text = str(problem) or type(problem).__name__
        msg = f"no connection to {server.host}, port {server.port}: {text}"
        raise MoveProblem(msg, lasting=False) from problem
    talk = Talk(dialogue, server)
    try:
        if server.protection is Protection.IMPLICIT:
            await dialogue.secure(server)
        await _greeted(talk)
        await talk.ask_capabilities()
        if server.protection is Protection.STARTTLS:
            await _start_tls(talk, machine)
        await _authenticate(talk)
        await talk.ask_capabilities()
    except (FetchProblem, BadCertificate) as problem:
        dialogue.close()
        raise MoveProblem(str(problem)) from problem
    except BaseException:
        dialogue.close()
        raise
    return talk


async def _greeted(talk: Talk) -> None:
    event = await talk.event()
    if not isinstance(event, Said) or not event.octets.upper().startswith(b"* OK"):
        msg = "the server does not greet as IMAP servers do"
        raise MoveProblem(msg)


async def _start_tls(talk: Talk, machine: ImapClient) -> None:
    """RFC 9051, section 6.2.1: what was said before counts no more."""
    if "STARTTLS" not in talk.capabilities:
        msg = "the server offers no STARTTLS; imaps:// may work"
        raise MoveProblem(msg)
    await talk.do(b"STARTTLS")
    machine.forget()
    await talk.dialogue.secure(talk.server)
    await talk.ask_capabilities()


async def _authenticate(talk: Talk) -> None:
    """PLAIN where it is offered, as it takes any password; else LOGIN."""
    server = talk.server
    if "AUTH=PLAIN" in talk.capabilities:
        message = b64encode(plain_message(server.user, server.password))
        if "SASL-IR" in talk.capabilities:
            await talk.do(b"AUTHENTICATE PLAIN " + message)
            return
        tag = talk.send(b"AUTHENTICATE PLAIN")
        while True:
            event = await talk.event()
            if isinstance(event, Said) and event.octets.startswith(b"+"):
                talk.dialogue.write(message + b"\r\n")
            elif isinstance(event, Said) and talk.ends(tag, event.octets):
                return
    if "LOGINDISABLED" in talk.capabilities:
        msg = "the server takes no password on this connection"
        raise MoveProblem(msg)
    password = server.password.reveal()
    if any(octet in password for octet in b"\0\r\n"):
        msg = "the password has an octet that LOGIN can't send"
        raise MoveProblem(msg)
    await talk.do(b"LOGIN %b %b" % (quoted(server.user.encode()), quoted(password)))
