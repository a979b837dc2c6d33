"""A connection alone, brought to a state by hand, for the tests of the machine."""

from __future__ import annotations

from mailapp.core import status as statuses
from mailapp.smtp import replies
from mailapp.smtp.connection import SmtpConnection
from mailapp.smtp.grammar.reply import Reply, make_reply
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile
from mailapp.smtp.states import State

PROFILE = Profile(
    "mx.foo.com", content=ContentLimits(size_octets=1000), tls_available=True
)
GO = make_reply(354, None, ["go"])
NO = replies.failure(statuses.MAILBOX_UNKNOWN, permanent=True)

LINES = {
    b"EHLO": b"EHLO a.b",
    b"HELO": b"HELO a.b",
    b"MAIL": b"MAIL FROM:<a@b>",
    b"RCPT": b"RCPT TO:<a@b>",
    b"VRFY": b"VRFY a",
    b"EXPN": b"EXPN a",
}
WAY: dict[State, list[bytes]] = {
    State.START: [],
    State.READY: [b"EHLO"],
    State.MAIL: [b"EHLO", b"MAIL"],
    State.RCPT: [b"EHLO", b"MAIL", b"RCPT"],
}


def line(verb: bytes) -> bytes:
    """A line with this command."""
    return LINES.get(verb, verb) + b"\r\n"


def opened(profile: Profile = PROFILE) -> SmtpConnection:
    """A connection that was greeted."""
    connection = SmtpConnection(profile)
    connection.next_event()
    connection.send(replies.greeting("mx.foo.com"))
    return connection


def at(state: State, profile: Profile = PROFILE) -> SmtpConnection:
    """A connection in this state."""
    connection = opened(profile)
    for verb in WAY[state]:
        connection.receive(line(verb))
        connection.next_event()
        connection.send(replies.OK)
    return connection


def sent(connection: SmtpConnection, reply: Reply) -> bytes:
    """What goes out for this answer."""
    return b"".join(o for o in connection.send(reply) if isinstance(o, bytes))
