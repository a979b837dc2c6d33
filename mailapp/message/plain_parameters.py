"""A value with parameters as nearly all mail has it, read without tokens.

``word; name=value; name="value"``, as in Content-Type and Content-Disposition. For all
else the answer is None, and ``content`` reads it.
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.message.parameters import Parameter

_LENGTH_LIMIT: Final = 1000
"""Octets; so also fewer parameters than ``parameters.PARAMETER_LIMIT``."""
# RFC 2045, section 5.1. Repeats of one octet are possessive, those of groups part at
# another octet: nothing is tried twice.
_TOKEN: Final = rb"[!#-'*+\-.0-9A-Z^-~]++"
_QUOTED: Final = rb"[^\x00-\x08\x0a-\x1f\x7f\"\\]*+"
_PARAMETER: Final = rb'[ \t]*+;[ \t]*+(%b)=(?:(%b)|"(%b)")' % (_TOKEN, _TOKEN, _QUOTED)
_UNNAMED: Final = rb'[ \t]*+;[ \t]*+%b=(?:%b|"%b")' % (_TOKEN, _TOKEN, _QUOTED)
_VALUE: Final = re.compile(
    rb"[ \t]*+(%b)(?:/(%b))?(?:%b((?:%b)*))?[ \t]*+;?[ \t]*+"
    % (_TOKEN, _TOKEN, _PARAMETER, _UNNAMED)
).fullmatch
_PARAMETERS: Final = re.compile(_PARAMETER).findall

PlainValue = tuple[bytes, bytes | None, tuple[Parameter, ...]]
"""The word, what is behind a slash, and the parameters; names are in lower case."""


def plain_value(value: bytes) -> PlainValue | None:
    """An unfolded value; None: it has something else in it, or a name twice."""
    if len(value) > _LENGTH_LIMIT:
        return None
    found = _VALUE(value)
    if found is None:
        return None
    word, behind, name, token, quoted, rest = found.groups()
    word, behind = word.lower(), behind and behind.lower()
    if name is None:
        return word, behind, ()
    first = Parameter(name.lower(), token or quoted)
    if not rest:
        return word, behind, (first,)
    more = [Parameter(n.lower(), t or q) for n, t, q in _PARAMETERS(rest)]
    parameters = (first, *more)
    if len(dict(parameters)) < len(parameters):
        return None
    return word, behind, parameters
