"""POP2 as a listener serves it."""

from __future__ import annotations

from secrets import token_hex
from typing import Final

from attrs import Factory, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.auth.interfaces import IAuthenticator
from mailapp.config.schema import Configuration, Listener, Profile
from mailapp.net.surroundings import Compose
from mailapp.net.threads import InThread
from mailapp.pop.locking import Present, Terms, as_it_is
from mailapp.pop.vintage import Vintage
from mailapp.pop2.connection import Limits
from mailapp.pop2.protocol import REFUSAL, compose_pop2
from mailapp.pop2.session import Service
from mailapp.pop2.sevenbit import converted
from mailapp.pop2.snapshot import Pause, Room, Showing

ALPN: Final = (b"pop2",)  # nobody has registered one
_LEASE_SECONDS: Final = 120.0
"""How much longer than a silent client its mailbox stays locked."""

__all__ = ["ALPN", "REFUSAL", "Pop2"]


@frozen
class Pop2:
    """What the POP2 listeners of a process share.

    Attributes:
        clock: the reactor.
        in_thread: converts messages.
        pause: waits so many seconds.
        room: for converted messages.
    """

    clock: IReactorTime
    in_thread: InThread
    pause: Pause
    room: Room = Factory(Room)

    def compose(
        self,
        configuration: Configuration,
        listener: Listener,
        authenticator: IAuthenticator,
    ) -> Compose:
        """How to serve one client."""
        timeout = configuration.pop2.timeout
        present: Present = as_it_is
        if listener.profile is Profile.VINTAGE:
            size = configuration.vintage.message_size
            present = Vintage(size, self.in_thread).uncounted
        service = Service(
            authenticator,
            Terms(
                self.clock,
                lease_seconds=timeout + _LEASE_SECONDS,
                pause=self.pause,
                present=present,
            ),
            lambda: token_hex(8).encode(),
            configuration.server.hostname,
            Showing(self._convert, self.room, pause=self.pause),
        )
        return compose_pop2(service, Limits(idle_seconds=timeout))

    async def _convert(self, octets: bytes) -> bytes | None:
        """To 7-bit MIME; a deeply nested message costs time, and so a thread."""
        result: bytes | None = await self.in_thread(converted, octets)
        return result
