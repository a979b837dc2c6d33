"""The table of commands: reader, legality, syntax and help of each, row by row.

An extension brings more rows (:mod:`mailapp.smtp.extensions`); a listener's profile
joins them. Nothing is ever looked up by a name made from what a peer sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from attrs import frozen

from mailapp.smtp import replies
from mailapp.smtp.grammar import command as grammar
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.parameters import Known
from mailapp.smtp.states import ANY, TRANSACTION, Rule, State


@frozen
class Verb:
    """One command.

    Attributes:
        name: in upper case.
        read: argument to command; raises SyntaxProblem.
        rule: where it is legal and what follows.
        syntax: for HELP, in one line.
        help: for HELP, in short lines.
    """

    name: bytes
    read: Callable[[bytes], Command]
    rule: Rule
    syntax: str
    help: tuple[str, ...]


_KEPT: Final = 1000


def core_verbs(mail_parameters: Known, rcpt_parameters: Known) -> tuple[Verb, ...]:
    """The commands of RFC 5321, section 4.1.1.

    What was read last is kept: mail goes to few addresses and comes from few, and to
    read a command costs ten times as much as to find it.
    """

    @lru_cache(maxsize=_KEPT)
    def read_mail(argument: bytes) -> Command:
        return grammar.read_mail(argument, mail_parameters)

    @lru_cache(maxsize=_KEPT)
    def read_rcpt(argument: bytes) -> Command:
        return grammar.read_rcpt(argument, rcpt_parameters)

    return (
        Verb(b"MAIL", read_mail, _MAIL, *_MAIL_HELP),
        Verb(b"RCPT", read_rcpt, _RCPT, *_RCPT_HELP),
        *_PLAIN_VERBS,
    )


# Commands that others have; RFC 5321, section 4.2.4: 502 where a command is recognized
# but not implemented, 500 where it is not. The first four are obsolete (appendix F).
NOT_IMPLEMENTED: Final = frozenset(
    {b"SEND", b"SOML", b"SAML", b"TURN", b"ATRN", b"ETRN", b"AUTH", b"BDAT", b"BURL"}
    | {b"STARTTLS", b"LHLO", b"XCLIENT", b"XFORWARD"}
)

_MAIL: Final = Rule(
    states=frozenset({State.READY}),
    otherwise={
        State.START: replies.HELLO_FIRST,
        State.MAIL: replies.NESTED_MAIL,
        State.RCPT: replies.NESTED_MAIL,
        State.CHUNKS: replies.NESTED_MAIL,
    },
    after=State.MAIL,
)
_MAIL_HELP: Final = (
    "MAIL FROM:<sender> [parameters]",
    (
        "Begins a message. <sender> is where failures are reported;",
        "<> means: nowhere. Example: MAIL FROM:<alice@example.org>",
    ),
)
_RCPT: Final = Rule(
    states=TRANSACTION,
    otherwise={
        State.START: replies.HELLO_FIRST,
        State.READY: replies.MAIL_FIRST,
        State.CHUNKS: replies.CHUNKS_BEGUN,
    },
    after=State.RCPT,
)
_RCPT_HELP: Final = (
    "RCPT TO:<recipient>",
    (
        "Adds a recipient to the message; say it once for each of them.",
        "Example: RCPT TO:<bob@example.org>",
    ),
)
_HELLO: Final = Rule(after=State.READY, synchronizes=True)

_PLAIN_VERBS: Final = (
    Verb(
        b"EHLO",
        grammar.read_ehlo,
        _HELLO,
        "EHLO your.host.name",
        ("Says who you are and asks for the extensions.",),
    ),
    Verb(
        b"HELO",
        grammar.read_helo,
        _HELLO,
        "HELO your.host.name",
        ("Says who you are. EHLO is better.",),
    ),
    Verb(
        b"DATA",
        grammar.read_data,
        Rule(
            states=frozenset({State.RCPT}),
            otherwise={
                State.START: replies.HELLO_FIRST,
                State.READY: replies.MAIL_FIRST,
                # RFC 5321, section 3.3: 503 or 554 when no RCPT was accepted
                State.MAIL: replies.RECIPIENT_FIRST,
                State.CHUNKS: replies.CHUNKS_BEGUN,  # RFC 3030, section 2
            },
            after=State.DATA,
            synchronizes=True,
        ),
        "DATA",
        (
            "Sends the message: wait for 354, then type the header, an empty",
            "line and the text, and end with a line that holds only a dot.",
            "A text line that begins with a dot is sent with one dot more.",
        ),
    ),
    Verb(
        b"RSET",
        grammar.read_rset,
        Rule(resets=True),
        "RSET",
        ("Forgets the message that was begun. Nothing is sent.",),
    ),
    Verb(b"NOOP", grammar.read_noop, Rule(), "NOOP [text]", ("Does nothing.",)),
    Verb(
        b"QUIT",
        grammar.read_quit,
        # RFC 5321, section 4.1.1.10: at any time, also after a 554 greeting
        Rule(states=ANY | {State.REFUSED}, after=State.CLOSED),
        "QUIT",
        ("Ends the session.",),
    ),
    Verb(
        b"VRFY",
        grammar.read_vrfy,
        Rule(),
        "VRFY user",
        ("Asks whether a mailbox exists. Most servers do not tell.",),
    ),
    Verb(
        b"EXPN",
        grammar.read_expn,
        Rule(),
        "EXPN list",
        ("Asks who is on a list. Most servers do not tell.",),
    ),
    Verb(
        b"HELP",
        grammar.read_help,
        Rule(),
        "HELP [command]",
        ("Lists the commands, or explains one.",),
    ),
)
