"""Media types and parameters as BODYSTRUCTURE has them (RFC 9051, section 7.5.2).

Types and names of parameters are in upper case, as the RFC prints them; no case means
anything in them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_from_bytes

from mailapp.message.parameters import Parameter, decode_parameters
from mailapp.message.quoting import NIL, string

_NAMES: Final = {
    name: b'"%b"' % name.upper()
    for name in (b"charset", b"boundary", b"name", b"filename", b"format")
}
_US_ASCII: Final = ((b"charset", b"us-ascii"),)
_SHOWN_US_ASCII: Final = b'("CHARSET" "US-ASCII")'


def media_type(main: bytes, sub: bytes, parameters: tuple[Parameter, ...]) -> bytes:
    """Both words and the list of parameters, with spaces between them."""
    shown = parameter_list(parameters)
    return b"%b %b %b" % (string(main.upper()), string(sub.upper()), shown)


def parameter_list(parameters: tuple[Parameter, ...]) -> bytes:
    """Names and values, or NIL.

    RFC 9051, section 7.5.2: continuations are put together, charsets become UTF-8. The
    name then keeps its star, and the value the form of RFC 2231, section 4, as all
    servers send it and clients decode it.
    """
    if not parameters:
        return NIL
    if parameters == _US_ASCII:
        return _SHOWN_US_ASCII
    for name, _ in parameters:
        if b"*" in name:
            parameters = _joined(parameters)
            break
    pairs = [
        b"%b %b" % (_NAMES.get(name) or string(name.upper()), string(value))
        for name, value in parameters
    ]
    return b"(%b)" % b" ".join(pairs)


def _joined(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Each parameter once, at the place of its first segment."""
    extended: dict[bytes, list[Parameter]] = {}
    for parameter in parameters:
        base, star, _ = parameter.name.partition(b"*")
        if star and base:
            extended.setdefault(base, []).append(parameter)
    found: list[Parameter] = []
    for parameter in parameters:
        base, star, _ = parameter.name.partition(b"*")
        if not star or not base:
            found.append(parameter)
        elif base in extended:
            segments = extended.pop(base)
            text = decode_parameters(segments)[0].get(base)
            if text is None:  # no segment can be used
                found += segments
            elif any(segment.name.endswith(b"*") for segment in segments):
                octets = text.encode("utf-8", "replace")
                value = b"utf-8''" + quote_from_bytes(octets, "").encode()
                found.append(Parameter(base + b"*", value))
            else:
                found.append(Parameter(base, text.encode("utf-8", "replace")))
    return tuple(found)
