"""The checks there are, one row each. A new one is a module and a row here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from mailapp.policy.check import Check, Site
from mailapp.policy.checks.bounce_recipients import BounceRecipients
from mailapp.policy.checks.delivered_before import DeliveredBefore
from mailapp.policy.checks.full_sender import FullSender
from mailapp.policy.checks.helo_syntax import HeloSyntax
from mailapp.policy.checks.own_name import OwnName
from mailapp.policy.pipeline import Pipeline


@frozen
class Row:
    """What is known of a check.

    Attributes:
        name: in the configuration.
        refuses: what it refuses, to complete "Refuses …".
        check: its class.
        default: it is on unless the configuration says otherwise.
    """

    name: str
    refuses: str
    check: type[Check]
    default: bool = False


_ROWS: Final = (
    Row("helo-syntax", "names in HELO that can't be any", HeloSyntax, default=True),
    Row("own-name", "strangers that greet with our name", OwnName),
    Row("full-sender", "senders whose domain has no dot", FullSender),
    Row("bounce-recipients", "bounces to several recipients", BounceRecipients),
    Row(
        "delivered-before",
        "messages that were delivered to the same address three times before",
        DeliveredBefore,
        default=True,
    ),
)
CHECKS: Final[Mapping[str, Row]] = {row.name: row for row in _ROWS}
"""In the order in which they are asked."""

DEFAULT_CHECKS: Final = tuple(row.name for row in _ROWS if row.default)


def make_policy(names: Iterable[str], site: Site) -> Pipeline:
    """The policy of these checks; their order is that of the table."""
    wanted = set(names)
    return Pipeline([row.check(site) for row in _ROWS if row.name in wanted])
