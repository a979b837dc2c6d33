"""LMTP (RFC 2033): SMTP for the last step, where the client keeps the queue.

Where both differ: LHLO in place of EHLO and HELO, DATA without a recipient is 503, and
the end of data has one reply for each RCPT that was accepted, in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from mailapp.smtp import replies
from mailapp.smtp.dialect import Dialect
from mailapp.smtp.states import State
from mailapp.smtp.verbs import Verb


def _adapt(verbs: Sequence[Verb]) -> Sequence[Verb]:
    """The commands of SMTP to those of LMTP."""
    return [_CHANGES.get(verb.name, _unchanged)(verb) for verb in verbs if _kept(verb)]


def _kept(verb: Verb) -> bool:
    return verb.name != b"HELO"


def _unchanged(verb: Verb) -> Verb:
    return verb


def _lhlo(verb: Verb) -> Verb:
    # section 4.1: "The LHLO command has identical semantics to the EHLO command"
    return evolve(verb, name=b"LHLO", syntax="LHLO your.host.name")


def _data(verb: Verb) -> Verb:
    # section 4.2: "the DATA command MUST fail with a 503 reply code"
    otherwise = {**verb.rule.otherwise, State.MAIL: replies.NO_RECIPIENTS}
    return evolve(verb, rule=evolve(verb.rule, otherwise=otherwise))


def _bdat(verb: Verb) -> Verb:
    # section 4.3: without a recipient "the BDAT LAST command returns zero replies"
    states = verb.rule.states | {State.MAIL}
    return evolve(verb, rule=evolve(verb.rule, states=states))


_CHANGES: Final = {b"EHLO": _lhlo, b"DATA": _data, b"BDAT": _bdat}

LMTP: Final = Dialect(
    "LMTP",
    "UTF8LMTP",
    _adapt,
    # section 4.1: "The 500 reply code is recommended"
    refusals={b"EHLO": replies.SAY_LHLO, b"HELO": replies.SAY_LHLO},
    per_recipient=True,
)
