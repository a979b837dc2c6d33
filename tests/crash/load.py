"""Many clients at once, a thread each: they send, fetch and delete, and note it."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Final

from attrs import define, field

from tests.crash.ledger import DOMAIN, Copy, Ledger, identified, message

TIMEOUT: Final = 20.0
_PAUSE: Final = 0.02  # before a client connects again


class Conversation:
    """A connection on which lines are written and read.

    Raises:
        OSError: there is no server, or no longer one; from all methods.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines: IO[bytes] = self._socket.makefile("rb")

    def line(self) -> bytes:
        """The next line."""
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        return line

    def reply(self) -> str:
        """The next reply of SMTP, its last line."""
        while (line := self.line())[3:4] == b"-":
            pass
        return line.decode().rstrip()

    def listed(self) -> list[bytes]:
        """The lines of a multi-line response of POP3, dots removed."""
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    def say(self, *lines: str) -> None:
        """Write lines."""
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def say_octets(self, octets: bytes) -> None:
        """Write octets."""
        self._socket.sendall(octets)

    def ask(self, line: str) -> str:
        """Write a command of POP3; the first line of the response, which is good."""
        self.say(line)
        answer = self.line().decode().rstrip()
        if not answer.startswith("+OK"):
            raise ConnectionError(line, answer)
        return answer

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


class Sender(Conversation):
    """Sends mail, and notes each message before and after."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        super().__init__(port)
        self._ledger = ledger
        self.reply()
        self.say("EHLO client.example")
        self.reply()

    def send(self, copies: Sequence[Copy], size: int) -> str:
        """Send a message (one id) to its users; the reply that counts.

        When it is refused, one of several users may have it all the same: SMTP has
        one reply for all of them (mailapp.delivery.fanout).
        """
        number = copies[0][0]
        self._ledger.note("sent", copies)
        self.say(
            f"MAIL FROM:<bob@{DOMAIN}>",
            *(f"RCPT TO:<{user}@{DOMAIN}>" for _, user in copies),
            "DATA",
        )
        replies = [self.reply() for _ in range(len(copies) + 2)]
        if not replies[-1].startswith("354"):
            self._refused(copies)
            return next(reply for reply in replies if not reply.startswith("2"))
        octets = message(number, size)
        self.say_octets(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        answer = self.reply()
        if answer.startswith("250"):
            self._ledger.note("acked", copies)
        else:
            self._refused(copies)
        return answer

    def _refused(self, copies: Sequence[Copy]) -> None:
        if len(copies) == 1:
            self._ledger.note("refused", copies)


class Popper(Conversation):
    """Fetches and deletes the mail of one user."""

    def __init__(self, port: int, ledger: Ledger, user: str, password: str) -> None:
        super().__init__(port)
        self._ledger = ledger
        self._user = user
        self.line()
        self.ask(f"USER {user}@{DOMAIN}")
        self.ask(f"PASS {password}")
        self.messages = int(self.ask("STAT").split()[1])

    def fetch(self, at: int) -> str | None:
        """The id of a message; None if it is not whole."""
        self.ask(f"RETR {at}")
        return identified(b"".join(self.listed()))

    def delete(self, most: int) -> int:
        """Fetch and delete the first messages; how many those are.

        Raises:
            AssertionError: one of them is not whole.
        """
        copies = []
        for at in range(1, min(most, self.messages) + 1):
            number = self.fetch(at)
            if number is None:
                raise AssertionError(f"message {at} of {self._user} is not whole")
            self.ask(f"DELE {at}")
            copies.append((number, self._user))
        self._ledger.note("deleting", copies)
        self.ask("QUIT")
        self._ledger.note("deleted", copies)
        return len(copies)


@define
class Load:
    """Clients that go on until they are stopped, whatever becomes of the server.

    Attributes:
        users: get mail.
        emptied: those whose mail is fetched and deleted.
        replies: how often each was heard, enhanced code included.
        problems: what a client saw that may not be.
    """

    ledger: Ledger
    password: str
    users: Sequence[str]
    emptied: Sequence[str] = ()
    senders: int = 24
    sizes: Sequence[int] = (400, 2000, 2000, 5000, 9000, 90_000)
    replies: dict[str, int] = field(factory=dict)
    problems: list[str] = field(factory=list)
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))
    _again: deque[tuple[Sequence[Copy], int]] = field(factory=deque)
    _stopping: threading.Event = field(factory=threading.Event)

    @contextmanager
    def on(self, smtp: int, pop3: int) -> Iterator[Load]:
        """Load a server, on these ports, for the time of a ``with``."""
        self._stopping.clear()
        threads = [
            threading.Thread(target=self._keep_sending, args=(smtp,))
            for _ in range(self.senders)
        ]
        threads += [
            threading.Thread(target=self._keep_deleting, args=(pop3, user))
            for user in self.emptied
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def acked(self) -> int:
        """How many messages were acknowledged."""
        return self.replies.get("250 2.0.0", 0)

    def wait_acked(self, more: int, seconds: float = TIMEOUT) -> None:
        """Wait until so many more are acknowledged.

        Raises:
            AssertionError: they are not.
        """
        wanted, deadline = self.acked() + more, time.monotonic() + seconds
        while self.acked() < wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {self.acked()} acknowledged {self.replies}")
            time.sleep(0.005)

    def _keep_sending(self, port: int) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):
                sender = Sender(port, self.ledger)
                try:
                    while not self._stopping.is_set():
                        self._send_one(sender)
                finally:
                    sender.close()
            time.sleep(_PAUSE)

    def _send_one(self, sender: Sender) -> None:
        """A message of before whose fate was not heard, or a new one."""
        try:
            copies, size = self._again.popleft()
        except IndexError:
            number = str(next(self._numbers))
            count = 2 if random.random() < 0.1 else 1  # noqa: S311 - no secret
            copies = [(number, u) for u in random.sample(list(self.users), count)]
            size = random.choice(self.sizes)  # noqa: S311
        try:
            answer = sender.send(copies, size)
        except OSError:
            self._again.append((copies, size))
            raise
        known = " ".join(answer.split()[:2])
        self.replies[known] = self.replies.get(known, 0) + 1

    def _keep_deleting(self, port: int, user: str) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):
                popper = Popper(port, self.ledger, user, self.password)
                try:
                    popper.delete(50)
                except AssertionError as problem:
                    self.problems.append(str(problem))
                finally:
                    popper.close()
            time.sleep(_PAUSE)
