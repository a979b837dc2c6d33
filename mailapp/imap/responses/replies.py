"""Every status response that more than one command gives, with its text and code.

Response codes: RFC 9051, section 7.1 and RFC 5530, section 3.
"""

from __future__ import annotations

from typing import Final

from mailapp.imap.responses.status import bad, bye, no, ok
from mailapp.message import charsets

# ---- mistakes
UNKNOWN_COMMAND: Final = bad("unknown command")
LOG_IN_FIRST: Final = bad("log in first")
SELECT_FIRST: Final = bad("select a mailbox first")
UNSELECT_FIRST: Final = bad("unselect the mailbox first")
LOGGED_IN: Final = bad("already logged in")
LINE_TOO_LONG: Final = bad("the command is too long", b"TOOBIG")
LITERAL_TOO_BIG: Final = bad("the literal is too big", b"TOOBIG")
TOO_MANY_ERRORS: Final = bye("too many bad commands, closing connection")
UNREADABLE_LITERAL: Final = bye("the literal is too big, closing connection", b"TOOBIG")
WRONG_PROTOCOL: Final = bye("this is an IMAP server, closing connection")

# ---- failures
SERVER_BUG: Final = no("a bug in the server, logged as one", b"SERVERBUG")
STORE_TROUBLE: Final = no("the mail store has trouble, try again", b"UNAVAILABLE")
STORE_FULL: Final = no("the disk of the mail store is full, try again", b"UNAVAILABLE")
STORE_LIMIT: Final = no("there are too many of these already", b"LIMIT")
OVER_QUOTA: Final = no("the quota would be passed", b"OVERQUOTA")
NO_MAILBOX: Final = no("no such mailbox", b"NONEXISTENT")
NO_MAILBOX_YET: Final = no("no such mailbox", b"TRYCREATE")
MAILBOX_EXISTS: Final = no("the mailbox is there already", b"ALREADYEXISTS")
BAD_NAME: Final = no("no mailbox can have this name", b"CANNOT")
READ_ONLY: Final = no("the mailbox was opened read-only", b"READ-ONLY")
NO_MESSAGE: Final = no("a message is empty, nothing was appended")
MESSAGE_TOO_BIG: Final = no("the message is too big", b"TOOBIG")
BAD_CHARSET: Final = no(
    "no such charset", b"BADCHARSET (%b)" % " ".join(charsets.NAMES).upper().encode()
)
NOT_DONE: Final = bad("DONE was expected")
DEFLATE_INJECTION: Final = bye("commands were sent behind COMPRESS, closing connection")
CANCELLED: Final = bad("cancelled")

# ---- TLS
BEGIN_TLS: Final = ok("begin TLS now")
TLS_ACTIVE: Final = bad("TLS is active already")
TLS_MISSING: Final = no("TLS is not available")
TLS_INJECTION: Final = bye("commands were sent behind STARTTLS, closing connection")

# ---- login
PRIVACY_FIRST: Final = no("encrypt the connection first", b"PRIVACYREQUIRED")
BAD_CREDENTIALS: Final = no("wrong name or password", b"AUTHENTICATIONFAILED")
THROTTLED: Final = no("too many failed logins, try again later", b"UNAVAILABLE")
AUTH_UNAVAILABLE: Final = no("logins can't be checked now, try again", b"UNAVAILABLE")
NO_MECHANISM: Final = no("this mechanism is not available", b"CANNOT")
MALFORMED_RESPONSE: Final = bad("malformed response")
TOO_MANY_LOGINS: Final = bye("too many failed logins, closing connection")

# ---- the end
BYE: Final = bye("logging out")
ACCOUNT_GONE: Final = bye("the account is gone or was disabled", b"EXPIRED")
TIMED_OUT: Final = bye("nothing came for too long, closing connection")
GOING_DOWN: Final = bye("the server goes down, connect again", b"UNAVAILABLE")
FAILED: Final = bye("a bug in the server, closing connection", b"SERVERBUG")
TOO_MANY_CONNECTIONS: Final = bye("too many connections, try again later", b"LIMIT")
