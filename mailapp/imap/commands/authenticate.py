"""AUTHENTICATE (RFC 9051, section 6.2.2), and SASL-IR with it (RFC 4959)."""

from __future__ import annotations

from mailapp.auth.interfaces import Challenge, IExchange, Refused
from mailapp.imap import events
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.entering import conclude
from mailapp.imap.grammar.values.commands import Authenticate
from mailapp.imap.responses.status import Status


async def authenticate(
    context: Context, command: Authenticate
) -> Status | events.Challenge:
    """Begin an exchange."""
    context.method = command.mechanism
    exchange = context.service.authenticator.exchange(command.mechanism, context.peer)
    if isinstance(exchange, Refused):
        return await conclude(context, exchange, command.mechanism)
    return await _step(context, exchange, command.initial)


async def respond(context: Context, response: bytes) -> Status | events.Challenge:
    """Go on with it."""
    exchange, context.exchange = context.exchange, None
    if exchange is None:
        msg = "a response without an exchange"
        raise AssertionError(msg)
    return await _step(context, exchange, response)


async def _step(
    context: Context, exchange: IExchange, response: bytes | None
) -> Status | events.Challenge:
    result = await exchange.respond(response)
    if isinstance(result, Challenge):
        context.exchange = exchange
        return events.Challenge(result.octets)
    return await conclude(context, result, context.method)
