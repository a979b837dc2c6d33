"""Which passwords we refuse to store: the ones that are guessed first."""

from __future__ import annotations

from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret

SHORTEST: Final = 8  # characters; NIST SP 800-63B, section 5.1.1.2

# The heads of the lists that are tried against every mail server, 8 characters and up.
_COMMON_TEXT: Final = """
    password passw0rd p@ssw0rd p@ssword password1 password12 password123 passwort
    12345678 123456789 1234567890 11111111 00000000 87654321 987654321 0987654321
    12344321 11223344 1q2w3e4r 1q2w3e4r5t 1qaz2wsx qwertyui qwertyuiop qwerty123
    qwerty12 qwertz123 asdfghjk asdfghjkl zxcvbnm1 abcd1234 abc12345 abcdefgh
    iloveyou letmein1 letmein123 sunshine princess football baseball superman
    trustno1 welcome1 welcome123 changeme changeme1 administrator admin123 admin1234
    starwars whatever michelle jennifer computer internet mailserver postmaster
    test1234 testtest secret123 default1 guest123 master123 monkey123 dragon123
"""
_COMMON: Final = frozenset(_COMMON_TEXT.split())


def check_strength(password: Secret, account: str) -> None:
    """Refuse a password that would be guessed.

    Args:
        password: UTF-8.
        account: ``user@domain``.

    Raises:
        SyntaxProblem: the text says why.
    """
    text = password.reveal().decode(errors="replace")
    folded = text.casefold()
    user, _, domain = account.partition("@")
    if len(text) < SHORTEST:
        reason = f"the password is too short, take {SHORTEST} characters or more"
    elif folded in _COMMON:
        reason = "the password is one of those that are tried first"
    elif len(set(text)) <= 2:  # noqa: PLR2004 - aaaaaaaa, abababab
        reason = "the password repeats itself"
    elif folded in {account, user * 2, domain} or folded.rstrip("0123456789!.") == user:
        reason = "the password is the name"
    else:
        return
    raise SyntaxProblem(reason)
