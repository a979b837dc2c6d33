"""How an SMTP listener is put together; :mod:`mailapp.net.driver` does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.auth.interfaces import IAuthenticator
from mailapp.core.peer import Peer
from mailapp.core.status import TOO_MANY_CONNECTIONS
from mailapp.delivery.interfaces import IDelivery
from mailapp.events.interfaces import IEvents, Unheard
from mailapp.policy.interfaces import IPolicy
from mailapp.smtp.connection import SmtpConnection
from mailapp.smtp.profile import Profile
from mailapp.smtp.session import Pause, SmtpSession
from mailapp.smtp.telling import Telling

Compose = Callable[[Peer], tuple[SmtpConnection, SmtpSession]]
"""Makes what one connection needs."""


def compose_smtp(  # noqa: PLR0913 - what a session is composed of
    profile: Profile,
    delivery: IDelivery,
    policy: IPolicy,
    *,
    now: Callable[[], float],
    token: Callable[[], str],
    pause: Pause | None = None,
    authenticator: IAuthenticator | None = None,
    events: IEvents | None = None,
) -> Compose:
    """What the driver calls for each connection to a listener.

    Args:
        profile: what the listener is.
        delivery: where mail goes.
        policy: what the administrator wants on this listener.
        now: seconds since the epoch.
        token: a new id for each transaction: letters and digits.
        pause: waits so many seconds; None: no reply is ever delayed.
        authenticator: gives avatars that provide ISubmitterAvatar; for listeners where
            clients log in.
        events: the journal; None: there is none.
    """
    telling = Telling(events or Unheard(), now)

    def compose(peer: Peer) -> tuple[SmtpConnection, SmtpSession]:
        session = SmtpSession(
            peer,
            profile,
            delivery,
            policy,
            now=now,
            token=token,
            telling=telling,
            pause=pause,
            authenticator=authenticator,
        )
        return SmtpConnection(profile), session

    return compose


def over_limit(profile: Profile) -> bytes:
    """What a connection above the limits is told in place of a greeting."""
    return profile.closing(TOO_MANY_CONNECTIONS).octets


ALPN: Final[tuple[bytes, ...]] = ()
"""SMTP has no ALPN name: a client that offers others only is at the wrong port."""
