"""What POP3 listeners are served with, from the configuration."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from secrets import token_hex
from typing import Final

from mailapp.app.facts import Facts
from mailapp.auth.assemble import Authentication
from mailapp.auth.interfaces import IMaildropAvatar
from mailapp.config.schema import Configuration, Listener, Profile, Security
from mailapp.message.eai import downgrade
from mailapp.net.surroundings import Compose
from mailapp.net.threads import InThread
from mailapp.pop.locking import Terms, as_it_is
from mailapp.pop.vintage import Vintage
from mailapp.pop3.connection import Limits
from mailapp.pop3.languages.table import LANGUAGES
from mailapp.pop3.protocol import REFUSAL, compose_pop3
from mailapp.pop3.service import Service
from mailapp.pop3.visits import Visits
from mailapp.storage.maildrop import Clock

__all__ = ["ALPN", "REFUSAL", "Pop3"]

ALPN: Final = (b"pop3",)
FOLDER_SEPARATOR: Final = "/"  # no name of an account holds one
_LEASE_MARGIN_SECONDS: Final = 120.0


class Pop3:
    """Composes POP3 for the listeners of a process.

    Args:
        configuration: all of it.
        authentication: lets clients in.
        clock: for leases.
        facts: tells other processes who logged in.
        in_thread: for the work that surrogates of messages are.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        configuration: Configuration,
        authentication: Authentication,
        clock: Clock,
        facts: Facts,
        in_thread: InThread,
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self._configuration = configuration
        self._authentication = authentication
        self._clock = clock
        self._in_thread = in_thread
        self._pause = pause
        delay = math.ceil(configuration.pop3.login_delay)
        self._visits = Visits(delay, clock.seconds, facts.tell_visit)
        self._vintage = Vintage(configuration.vintage.message_size, in_thread)
        facts.on_visit = self._visits.heard

    def compose(self, listener: Listener) -> Compose:
        """What serves a connection."""
        configuration, pop3 = self._configuration, self._configuration.pop3
        authenticator = self._authentication.authenticator(
            IMaildropAvatar,
            allow_cleartext=listener.allow_cleartext,
            mechanisms=[str(m) for m in configuration.auth.mechanisms],
            folder_separator=FOLDER_SEPARATOR if pop3.folders else "",
        )
        is_vintage = listener.profile is Profile.VINTAGE
        present = self._vintage.counted if is_vintage else as_it_is
        service = Service(
            authenticator,
            Terms(
                self._clock,
                lease_seconds=pop3.timeout + _LEASE_MARGIN_SECONDS,
                pause=self._pause,
                present=present,
            ),
            lambda: token_hex(8).encode(),
            configuration.server.hostname,
            tls_available=listener.tls is Security.STARTTLS,
            language=LANGUAGES[pop3.language],
            downgrade=downgrade,
            in_thread=self._in_thread,
            leave_on_server=pop3.leave_on_server,
            visits=self._visits,
        )
        return compose_pop3(service, Limits(idle_seconds=pop3.timeout))
