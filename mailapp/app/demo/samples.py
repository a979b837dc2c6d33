"""Five messages for a mailbox to begin with: one of each kind that clients meet."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Iterator
from typing import Final

from mailapp.message.dates import format_date

_PLAIN: Final = """\
Subject: Welcome to mailapp
Content-Type: text/plain; charset=us-ascii

Hello,

this mailbox is a folder of files, and this message is one of them.
Send yourself another one: the table on the screen shows how.
"""

_HTML: Final = """\
Subject: The same, twice: as text and as HTML
Content-Type: multipart/alternative; boundary="=_demo_alternative"

--=_demo_alternative
Content-Type: text/plain; charset=us-ascii

A plain text for clients that like it plain.
--=_demo_alternative
Content-Type: text/html; charset=us-ascii

<html><body><p>An <b>HTML</b> text for the others.</p></body></html>
--=_demo_alternative--
"""

_ATTACHMENT: Final = """\
Subject: A table, attached
Content-Type: multipart/mixed; boundary="=_demo_mixed"

--=_demo_mixed
Content-Type: text/plain; charset=us-ascii

The table is in the attachment.
--=_demo_mixed
Content-Type: text/csv; charset=us-ascii; name="table.csv"
Content-Disposition: attachment; filename="table.csv"
Content-Transfer-Encoding: base64

{table}--=_demo_mixed--
"""

_EIGHT_BIT: Final = """\
Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus_Z=C3=BCrich?=
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Liebe Grüße aus Zürich — 8-bit, as RFC 6152 carries it.
日本語もそのまま届きます。
"""

_BOUNCE: Final = """\
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_demo_report"

--=_demo_report
Content-Type: text/plain; charset=us-ascii

Your message to nobody@{domain} was not delivered:
there is no such mailbox.
--=_demo_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.{domain}

Final-Recipient: rfc822; nobody@{domain}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox here
--=_demo_report
Content-Type: text/rfc822-headers

From: alice@{domain}
To: nobody@{domain}
Subject: Is anybody there?
--=_demo_report--
"""

_TABLE: Final = b"name,protocol,port\r\nsubmission,SMTP,587\r\nmaildrop,POP3,995\r\n"
# (local part of the sender or None for a bounce, text)
_SAMPLES: Final = (
    ("bob", _PLAIN),
    ("bob", _HTML),
    ("bob", _ATTACHMENT),
    ("bob", _EIGHT_BIT),
    (None, _BOUNCE),
)


def sample_messages(domain: str, to: str, now: float) -> Iterator[bytes]:
    """The messages, oldest first, as octets with CRLF; dated in the last hours."""
    for number, (sender, text) in enumerate(_SAMPLES):
        moment = int(now) - 3600 * (len(_SAMPLES) - number)
        author = f"{sender}@{domain}" if sender else f"MAILER-DAEMON@mx.{domain}"
        return_path = f"{sender}@{domain}" if sender else ""
        head = (
            f"Return-Path: <{return_path}>\n"
            f"Date: {format_date(moment).decode()}\n"
            f"From: {author}\n"
            f"To: {to}@{domain}\n"
            f"Message-ID: <demo.{number}.{moment}@{domain}>\n"
            "MIME-Version: 1.0\n"
        )
        table = encodebytes(_TABLE).decode()
        body = text.replace("{domain}", domain).replace("{table}", table)
        yield (head + body).replace("\n", "\r\n").encode()
