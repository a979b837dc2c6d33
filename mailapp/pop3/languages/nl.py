"""Dutch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} octetten",
    "message {number} deleted": "bericht {number} verwijderd",
    "capability list follows": "lijst van mogelijkheden volgt",
    "mechanisms follow": "lijst van mechanismen volgt",
    "language list follows": "lijst van talen volgt",
    "top of message follows": "begin van het bericht volgt",
    "{messages} messages ({octets} octets)": "{messages} berichten ({octets} octetten)",
    "maildrop has {messages} messages ({octets} octets)": (
        "het postvak bevat {messages} berichten ({octets} octetten)"
    ),
    "language changed": "taal gewijzigd",
    "UTF8 mode is on": "UTF8-modus staat aan",
    "send PASS": "stuur PASS",
    "begin TLS negotiation": "begin de TLS-onderhandeling",
    "nothing done": "niets gedaan",
    "bye": "tot ziens",
    "TLS is active already": "TLS is al actief",
    "TLS is not available": "TLS is niet beschikbaar",
    "nothing may follow STLS before TLS": "na STLS mag er niets volgen vóór TLS",
    "encryption is required first": "eerst is versleuteling nodig",
    "invalid credentials": "ongeldige aanmeldgegevens",
    "too many failures, try again later": (
        "te veel mislukte pogingen, probeer het later opnieuw"
    ),
    "login is not possible now": "aanmelden is nu niet mogelijk",
    "mechanism not available": "mechanisme niet beschikbaar",
    "APOP is not available": "APOP is niet beschikbaar",
    "malformed response": "ongeldig antwoord",
    "authentication cancelled": "aanmelding afgebroken",
    "you were here a moment ago, try later": (
        "u was hier zojuist nog, probeer het later opnieuw"
    ),
    "the maildrop is open in another session": (
        "het postvak is in een andere sessie geopend"
    ),
    "no such message": "dat bericht bestaat niet",
    "that message is deleted": "dat bericht is verwijderd",
    "the message is no longer there": "het bericht is er niet meer",
    "some deleted messages not removed": (
        "enkele verwijderde berichten zijn niet gewist"
    ),
    "the message needs UTF8 mode": "het bericht vereist de UTF8-modus",
    "no such language": "die taal is er niet",
    "log in first": "meld u eerst aan",
    "send USER first": "stuur eerst USER",
    "already logged in": "al aangemeld",
    "line too long": "regel te lang",
    "too many bad commands": "te veel foute opdrachten",
    "the maildrop is not available now": "het postvak is nu niet beschikbaar",
    "there is no such maildrop": "dat postvak bestaat niet",
    "the maildrop lock was lost": "de vergrendeling van het postvak is verloren gegaan",
    "the account was closed": "de account is gesloten",
    "internal error": "interne fout",
    "internal error, closing": "interne fout, de verbinding wordt gesloten",
    "going down, try again later": "de server stopt, probeer het later opnieuw",
    "too many connections, try again later": (
        "te veel verbindingen, probeer het later opnieuw"
    ),
    "unknown command": "onbekende opdracht",
    "no argument is allowed": "er is geen argument toegestaan",
    "one message number is required": "er is één berichtnummer nodig",
    "a message number and a number of lines are required": (
        "er zijn een berichtnummer en een aantal regels nodig"
    ),
    "one name is required": "er is één naam nodig",
    "a password is required": "er is een wachtwoord nodig",
    "a name and a digest in lower case are required": (
        "er zijn een naam en een digest in kleine letters nodig"
    ),
    "a mechanism is required": "er is een mechanisme nodig",
    "an empty initial response is written =": (
        "een leeg eerste antwoord schrijft men als ="
    ),
    "not valid base64": "geen geldige base64",
    "a language is required": "er is een taal nodig",
}
