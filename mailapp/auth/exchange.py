"""A SASL exchange of a session: the pure machine, its verifier, its checker."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, assert_never

from zope.interface import implementer

from mailapp.auth.credentials import Credentials, credentials_of
from mailapp.auth.interfaces import (
    Challenge,
    IExchange,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.auth.throttle import Attempt
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.sasl import mechanism as sasl
from mailapp.sasl.mechanism import Fault, Mechanism, Step, Verifier


class Admission(Protocol):
    """What an exchange asks of its authenticator."""

    def verifier(self, name: str, mechanism: str) -> Awaitable[Verifier]:
        """That of the account, or a decoy."""

    def attempt(self, name: str, peer: Peer) -> Awaitable[Attempt | None]:
        """Wait for the throttle."""

    def admit(
        self, credentials: Credentials, peer: Peer, mechanism: str
    ) -> Awaitable[LoggedIn | Refused]:
        """Have the credentials checked, throttle included."""

    def refused(
        self, name: str, peer: Peer, mechanism: str, reason: Refusal
    ) -> Refused:
        """Log a refusal."""


@implementer(IExchange)
class Exchange:
    """See :class:`IExchange`.

    Args:
        name: of the mechanism.
        machine: fresh.
        peer: the client.
        admission: the authenticator.
    """

    def __init__(
        self, name: str, machine: Mechanism, peer: Peer, admission: Admission
    ) -> None:
        self._mechanism = name
        self._machine = machine
        self._peer = peer
        self._admission = admission
        self._name: str | None = None  # whose proof is awaited

    async def respond(self, response: bytes | None) -> Challenge | LoggedIn | Refused:
        """Take one response."""
        try:
            if self._name is None:
                step = self._machine.step(response)
            else:
                proven = await self._take_proof(self._name, response)
                if proven is None:
                    return self._refused(Refusal.THROTTLED)
                step, self._name = proven, None
            if isinstance(step, sasl.NeedVerifier):
                self._name = step.name
                verifier = await self._admission.verifier(step.name, step.mechanism)
                step = self._machine.supply(verifier)
        except TemporaryFailure:
            return self._refused(Refusal.UNAVAILABLE)
        return await self._answer(step)

    async def _take_proof(self, name: str, response: bytes | None) -> Step | None:
        """The proof is evaluated in this step, so this is where the throttle is."""
        attempt = await self._admission.attempt(name, self._peer)
        if attempt is None:
            return None
        try:
            step = self._machine.step(response)
            if isinstance(step, sasl.Failed):
                attempt.failed()
        finally:
            attempt.close()
        return step

    async def _answer(self, step: Step) -> Challenge | LoggedIn | Refused:
        match step:
            case sasl.Challenge(octets):
                return Challenge(octets)
            case sasl.Done(claim):
                return await self._admission.admit(
                    credentials_of(claim), self._peer, self._mechanism
                )
            case sasl.Failed(Fault.SYNTAX):
                return self._refused(Refusal.SYNTAX)
            case sasl.Failed() | sasl.NeedVerifier():
                return self._refused(Refusal.CREDENTIALS)
            case _:
                assert_never(step)

    def _refused(self, reason: Refusal) -> Refused:
        return self._admission.refused(
            self._name or "", self._peer, self._mechanism, reason
        )
