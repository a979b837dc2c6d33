"""One canonical form for the names of accounts, and a grammar that comes first.

A name is part of a path in the mail store and of a line in the logs, so the grammar is
narrow: letters, digits and marks of any script, and in between ``. _ - ' & =``. It
holds no slash, no leading dot, no control and no wildcard (threats 47 and 108).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from mailapp.core.address import LOCAL_PART_LIMIT, canonical_domain
from mailapp.core.failures import SyntaxProblem
from mailapp.sasl.prepare import saslprep
from mailapp.storage.types import AccountId

NAME_LIMIT: Final = LOCAL_PART_LIMIT + 1 + 255
_ASCII_NAME: Final = re.compile(r"[a-z0-9]+(?:[._'&=-]+[a-z0-9]+)*[_-]*")
_INNER: Final = frozenset("._-'&=")


def canonical_local_part(local_part: str) -> str:
    """The form in which local parts of our own domains are compared.

    RFC 5321, section 2.4: only the final host may say that case does not matter; here
    it says so. NFC, because keyboards differ (RFC 6530, section 10.1).
    """
    if local_part.isascii():
        return local_part.lower()
    return unicodedata.normalize(
        "NFC", unicodedata.normalize("NFC", local_part).lower()
    )


def user_name(local_part: str) -> str:
    """The canonical local part of an account.

    Raises:
        SyntaxProblem: no account may have this name.
    """
    name = canonical_local_part(local_part)
    if not name or len(name.encode(errors="surrogatepass")) > LOCAL_PART_LIMIT:
        reason = f"a user name has 1 to {LOCAL_PART_LIMIT} octets"
        raise SyntaxProblem(reason)
    if name.isascii():
        good = _ASCII_NAME.fullmatch(name) is not None
    else:
        good = _is_international_name(name)
    if not good or ".." in name:
        reason = "a user name has letters and digits, with . _ - ' & = between them"
        raise SyntaxProblem(reason)
    return name


def _is_international_name(name: str) -> bool:
    kinds = [unicodedata.category(character)[0] for character in name]
    return (
        kinds[0] in "LN"
        and (kinds[-1] in "LMN" or name[-1] in "_-")
        and all(k in "LMN" or c in _INNER for k, c in zip(kinds, name, strict=True))
        # a form that is not stable would make two names of one
        and canonical_local_part(name) == name
        and _survives_saslprep(name)
    )


def _survives_saslprep(name: str) -> bool:
    """What SASL does to a name before we see it must leave it as it is."""
    try:
        return saslprep(name) == name
    except SyntaxProblem:
        return False


@lru_cache(maxsize=4096)
def account_id(name: str, default_domain: str) -> AccountId:
    """The id of an account by its login name: ``user@domain``, or ``user`` alone.

    Raises:
        SyntaxProblem: no account may have this name.
    """
    if len(name) > NAME_LIMIT:
        reason = "the name is too long"
        raise SyntaxProblem(reason)
    name = saslprep(name)  # RFC 4616, section 2 and RFC 5802, section 5.1
    local_part, at, domain = name.rpartition("@")
    if not at:
        return AccountId(f"{user_name(name)}@{default_domain}")
    return AccountId(f"{user_name(local_part)}@{canonical_domain(domain)}")
