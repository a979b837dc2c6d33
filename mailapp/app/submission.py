"""What submission listeners are served with, from the configuration."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

from zope.interface import implementer

from mailapp.app.parts import Parts
from mailapp.auth.assemble import Authentication
from mailapp.auth.interfaces import ISubmitterAvatar
from mailapp.config.schema import Configuration, Listener
from mailapp.core.address import Address
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.owners import owns
from mailapp.net.surroundings import Compose
from mailapp.policy.allowance import Allowance, Rate, Rates
from mailapp.policy.check import Check, Site
from mailapp.policy.checks.full_domains import FullDomains
from mailapp.policy.checks.send_limits import SendLimits
from mailapp.policy.checks.sender_rights import SenderRights
from mailapp.policy.interfaces import ISenderRights
from mailapp.policy.pipeline import Pipeline
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp
from mailapp.smtp.submission import SubmissionDelivery
from mailapp.storage.types import AccountId

_HOUR: Final = 3600.0
_DAY: Final = 86_400.0


@implementer(ISenderRights)
class _Owners:
    """See :class:`ISenderRights`."""

    def __init__(self, directory: IDirectory) -> None:
        self._directory = directory

    async def may_send_as(self, account: str, address: Address) -> bool:
        """Is it an address of this account, and of nobody else?"""
        return await owns(self._directory, AccountId(account), address)


class Submissions:
    """Composes submission for the listeners of a process.

    Args:
        parts: of the process.
        authentication: lets clients in.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        parts: Parts,
        authentication: Authentication,
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        configuration = parts.configuration
        server = configuration.server
        self._configuration = configuration
        self._authentication = authentication
        self._pause = pause
        self._message_names = parts.message_names
        self._events = parts.journal
        allowance = Allowance(
            _rates(configuration),
            parts.reactor.seconds,
            None if parts.alone else parts.facts.tell_sent,
        )
        parts.facts.on_sent = allowance.learn
        self._policy = _policy(parts, allowance)
        self._delivery = SubmissionDelivery(
            parts.delivery,
            server.hostname,
            [domain for domain in server.domains if "." not in domain],
        )

    def compose(self, listener: Listener, profile: Profile) -> Compose:
        """What serves a connection."""
        return compose_smtp(
            profile,
            self._delivery,
            self._policy,
            now=time.time,
            token=self._message_names,
            pause=self._pause,
            events=self._events,
            authenticator=self._authentication.authenticator(
                ISubmitterAvatar,
                allow_cleartext=listener.allow_cleartext,
                mechanisms=[str(m) for m in self._configuration.auth.mechanisms],
            ),
        )


def _policy(parts: Parts, allowance: Allowance) -> Pipeline:
    """No check of an MTA: clients here are people with a login, not servers."""
    server, submission = parts.configuration.server, parts.configuration.submission
    directory = parts.directory
    site = Site(server.hostname, server.domains)
    checks: list[Check] = [FullDomains(site)]
    if submission.sender_check:
        exempt = [directory.key(name) for name in submission.send_as_anybody]
        checks.append(SenderRights(site, _Owners(directory), exempt))
    checks.append(SendLimits(site, allowance))
    return Pipeline(checks)


def _rates(configuration: Configuration) -> Rates:
    submission = configuration.submission
    return Rates(
        messages=(
            Rate(submission.messages_per_hour, _HOUR),
            Rate(submission.messages_per_day, _DAY),
        ),
        recipients=(
            Rate(submission.recipients_per_hour, _HOUR),
            Rate(submission.recipients_per_day, _DAY),
        ),
    )
