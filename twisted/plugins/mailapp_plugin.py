"""Tells twistd of mailapp. Every twistd start may import this: keep it this small."""

from twisted.application.service import ServiceMaker

mailapp = ServiceMaker(
    "mailapp",
    "mailapp.app.options",
    "A mail appliance: SMTP, POP3, Maildir",
    "mailapp",
)
