"""ETRN (RFC 1985): "send now what waits for my domain"."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mailapp.core.address import canonical_domain
from mailapp.core.failures import SyntaxProblem
from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import Extension, always
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.parameters import CommandProblem, Fault
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import Verb

_OPTIONS: Final = (b"@", b"#")


@frozen
class Etrn(Command):
    """ETRN.

    Attributes:
        domain: whose mail is asked for, in lower case with A-labels; empty: something
            else than one domain, by an option of section 5.3.
    """

    domain: str


def _read(argument: bytes) -> Etrn:
    """Read ETRN [<option character>]<node name><CR><LF> (section 5).

    Raises:
        CommandProblem: answered 501 5.5.4. "The specified node name must be a fully
            qualified domain name", so one without a dot is refused.
    """
    name = argument.strip(b" ")
    if name.startswith(_OPTIONS) and len(name) > 1:
        return Etrn("")
    try:
        domain = canonical_domain(name.decode())
    except (SyntaxProblem, UnicodeDecodeError):
        domain = ""
    if "." not in domain:
        reason = "write it as ETRN example.org"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return Etrn(domain)


ETRN: Final = Extension(
    "ETRN",
    always("ETRN"),
    verbs=(
        Verb(
            b"ETRN",
            _read,
            Rule(
                states=frozenset({State.READY}),
                otherwise={State.START: replies.HELLO_FIRST},
            ),
            "ETRN domain",
            ("Asks to send now what waits here for the domain.",),
        ),
    ),
    needs_release=True,
)
