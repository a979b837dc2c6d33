"""The texts that settings hold: names, addresses, lines."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from mailapp.config.kinds import Text
from mailapp.core.address import canonical_domain, parse_address
from mailapp.core.failures import SyntaxProblem


def _address(text: str) -> str:
    return str(ip_address(text))


def _host_name(text: str) -> str:
    if text.endswith("."):
        raise ValueError(text)
    return canonical_domain(text)


def _account(text: str) -> str:
    try:
        return str(parse_address(text.encode()))
    except UnicodeEncodeError as problem:
        raise SyntaxProblem(problem.reason) from None


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError(text)
    return text


def _one_octet(text: str) -> str:
    if text not in {"+", "-", "=", "_", "#", "!", "~"}:
        raise ValueError(text)
    return text


HOST_NAME: Final = Text(
    'a host name such as "mail.example.org"',
    _host_name,
    "Write letters, digits, hyphens and dots only, without a dot at the end.",
)
DOMAIN: Final = Text(
    'a domain such as "example.org"',
    _host_name,
    "Write letters, digits, hyphens and dots only, without a dot at the end.",
)
ADDRESS: Final = Text(
    'an IP address such as "192.0.2.1" or "::"',
    _address,
    "Write the number of the address: names are not looked up here.",
)
ACCOUNT: Final = Text(
    'an account such as "alice@example.org"',
    _account,
    "Write the local part, an @ and the domain.",
)
LINE: Final = Text(
    "a line of printable text",
    _printable,
    "Write printable characters only, and no space at either end.",
)
SEPARATOR: Final = Text(
    "one of the characters + - = _ # ! ~ in quotes",
    _one_octet,
    'Write "+", as most servers do.',
)
