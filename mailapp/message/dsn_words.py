"""What a report says to people: what happened, who said it, what they can do (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from attrs import frozen

from mailapp.core.status import is_reply

_WIDTH: Final = 72


class Action(Enum):
    """RFC 3464, section 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@frozen
class Told:
    """What is told of one recipient; every text is one printable line.

    Attributes:
        recipient: where it was sent.
        action: what became of it.
        status: enhanced code with its class.
        text: what was said.
        host: who said it, or where we met it; empty: nobody else was asked.
        original: the address that the sender gave, if that is known.
        expired: it failed since its time was up.
        retried_until: a date, of a delay.
    """

    recipient: str
    action: Action
    status: str
    text: str = ""
    host: str = ""
    original: str = ""
    expired: bool = False
    retried_until: str | None = None


@frozen
class _Case:
    """What a status means, and what can be done about it."""

    what: str
    advice: str


_ASK_POSTMASTER: Final = (
    "Try again later. If it goes on, ask the people who run that server."
)
# RFC 3463, section 3; the longest match of subject and detail wins.
_CASES: Final[Mapping[str, _Case]] = {
    "1": _Case(
        "The address is not accepted there.",
        "Check the address for typing mistakes, or ask for the right one.",
    ),
    "1.1": _Case(
        "There is no mailbox of that name.",
        "Check the part before the @ for typing mistakes, or ask for the right one.",
    ),
    "1.2": _Case(
        "There is no such domain, or it has no mail server.",
        "Check the part behind the @ for typing mistakes.",
    ),
    "1.6": _Case(
        "The mailbox has moved and left no new address.",
        "Ask for the new address by other means.",
    ),
    "1.8": _Case(
        "The server does not accept your own address as the sender.",
        "Check the sender's address in your mail program.",
    ),
    "1.10": _Case(
        "This domain receives no mail at all.",
        "Check the part behind the @, or use another address.",
    ),
    "2": _Case(
        "The mailbox can't take the message.",
        "Reach the recipient by other means; the trouble is with that mailbox.",
    ),
    "2.1": _Case("The mailbox is switched off.", "Reach the recipient by other means."),
    "2.2": _Case(
        "The mailbox is full.",
        "Send it again later, or tell the recipient by other means.",
    ),
    "2.3": _Case(
        "The message is too big for this mailbox.",
        "Send less at once, or a link in place of an attachment.",
    ),
    "3": _Case("The mail server there has trouble.", _ASK_POSTMASTER),
    "3.1": _Case("The mail server there is out of space.", _ASK_POSTMASTER),
    "3.4": _Case(
        "The message is too big for the server there.",
        "Send less at once, or a link in place of an attachment.",
    ),
    "4": _Case(
        "The server for this domain could not be reached.",
        "Check the part behind the @ for typing mistakes; if it is right, try again.",
    ),
    "4.4": _Case(
        "It could not be found out which server receives mail for this domain.",
        "Check the part behind the @ for typing mistakes.",
    ),
    "4.6": _Case(
        "The message goes round in circles: addresses are forwarded to each other.",
        "Tell the recipient by other means; the forwarding must be mended.",
    ),
    "5": _Case(
        "The two servers did not understand each other.",
        "Tell the people who run your mail server, with this report.",
    ),
    "6": _Case(
        "The server there can't take this kind of content.",
        "Send it in another form, for example as plain text or another file type.",
    ),
    "6.7": _Case(
        "An address in it has letters that the server there can't handle.",
        "Use an address of unaccented letters, for you and for the recipient.",
    ),
    "6.9": _Case(
        "Its header has letters that the server there can't handle.",
        "Use plain letters in names and addresses.",
    ),
    "7": _Case(
        "The server there refused the message by its rules.",
        "Read what it said, below. If you think it wrong, ask the recipient by other"
        " means to have it changed.",
    ),
    "7.1": _Case(
        "You are not permitted to send to this address.",
        "Ask the recipient by other means, or look at what the server said.",
    ),
    "7.2": _Case(
        "You are not permitted to send to this list.",
        "Ask the owner of the list.",
    ),
    "7.10": _Case(
        "The message must travel encrypted, and the next server can't do that.",
        "Send it without requiring TLS, or reach the recipient by other means.",
    ),
    "7.30": _Case(
        "The message must travel encrypted, and the next server can't promise that.",
        "Send it without requiring TLS, or reach the recipient by other means.",
    ),
}
_UNKNOWN: Final = _Case(
    "The server gave no reason that is known.",
    "Look at what it said, or ask the people who run your mail server.",
)
_OF_ACTION: Final[Mapping[Action, str]] = {
    Action.DELIVERED: "It is in the mailbox, or was given to the list.",
    Action.RELAYED: (
        "It was handed to the next server, which sends no reports of success."
        " You will only hear again if something goes wrong there."
    ),
    Action.EXPANDED: (
        "This address leads to several others; the message was sent on to all of them."
    ),
}
_HEADINGS: Final[Mapping[Action, str]] = {
    Action.FAILED: "could not be delivered to",
    Action.DELAYED: "is delayed on its way to",
    Action.DELIVERED: "was delivered to",
    Action.RELAYED: "was handed on for",
    Action.EXPANDED: "was sent on for",
}
_SUBJECTS: Final[Mapping[Action, str]] = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was handed on",
    Action.EXPANDED: "Your message was sent on",
}


def subject(told: Sequence[Told]) -> str:
    """The worst of what is told, and of whom if that is one."""
    for action, text in _SUBJECTS.items():
        found = [one for one in told if one.action is action]
        if len(found) == 1 and len(told) == 1:
            return f"{text}: {_sought(found[0])}"
        if len(found) == len(told):
            return f"{text} to {len(told)} recipients"
        if found:
            return f"{text} to {len(found)} of {len(told)} recipients"
    return "About your message"


def letter(
    told: Sequence[Told], about: Sequence[tuple[str, str]], host: str, author: str
) -> str:
    """The whole text, lines ending in LF.

    Args:
        told: one or more recipients.
        about: what is known of the message: names and values.
        host: this server.
        author: whom to ask.
    """
    paragraphs = [f"This is the mail server {host}. Your message"]
    if about:
        paragraphs.append("\n".join([f"    {name}: {value}" for name, value in about]))
    for action, heading in _HEADINGS.items():
        found = [one for one in told if one.action is action]
        if found:
            paragraphs.append(f"{heading}:")
            paragraphs += [_recipient(one) for one in found]
    paragraphs += _closing(told, author)
    return "\n\n".join(paragraphs) + "\n"


def _recipient(one: Told) -> str:
    lines = [f"  {_sought(one)}"]
    if one.original and one.original.lower() != one.recipient.lower():
        lines.append(f"    (sent on to {one.recipient})")
    sentences = _OF_ACTION.get(one.action)
    if sentences is None:
        case = case_of(one.status)
        sentences = f"{case.what} {case.advice}"
        if one.action is Action.DELAYED:
            sentences = case.what
        elif one.expired:
            sentences = f"It was tried until its time was up. {sentences}"
    lines += _wrapped(sentences)
    if one.text:
        who = "The reason in short"
        if one.host:
            who = f"{one.host} said" if is_reply(one.text) else f"Trying {one.host}"
        lines += _wrapped(f"{who}: {one.text} ({one.status})")
    if one.action is Action.DELAYED:
        until = f" until {one.retried_until}" if one.retried_until else ""
        lines += _wrapped(
            f"You need not do anything: it is tried again{until}."
            " You will hear if that does not help."
        )
    return "\n".join(lines)


def _sought(one: Told) -> str:
    """The address that the sender knows."""
    return one.original or one.recipient


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _closing(told: Sequence[Told], author: str) -> list[str]:
    if not any(one.action is Action.FAILED for one in told):
        return []
    text = (
        "Nothing more will be tried for these addresses. Details for your"
        f" administrator are attached. Questions go to {author}."
    )
    return [textwrap.fill(text, _WIDTH, break_on_hyphens=False)]


def case_of(status: str) -> _Case:
    """By subject and detail, else by subject, else unknown."""
    _, _, code = status.partition(".")
    return _CASES.get(code) or _CASES.get(code.partition(".")[0]) or _UNKNOWN
