"""Forms of RCPT that have made servers relay (threat 18), for a server of foo.com."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RELAY_FORMS: Final[Mapping[str, bytes]] = {
    "third_party": b"<u@elsewhere.org>",
    "percent": b"<u%elsewhere.org@foo.com>",
    "percent_literal": b"<u%elsewhere.org@[192.0.2.25]>",
    "route": b"<@foo.com:u@elsewhere.org>",
    "routes": b"<@foo.com,@x.org:u@elsewhere.org>",
    "bang": b"<elsewhere.org!u>",
    "bang_here": b"<elsewhere.org!u@foo.com>",
    "quoted": b'<"u@elsewhere.org"@foo.com>',
    "quoted_percent": b'<"u%elsewhere.org"@foo.com>',
    "quoted_alone": b'<"u@elsewhere.org">',
    "literal": b"<u@[192.0.2.7]>",
    "no_domain": b"<u>",
    "trailing_dot": b"<u@elsewhere.org.>",
    "two_ats": b"<u@elsewhere.org@foo.com>",
    "space": b"<u @elsewhere.org>",
}
