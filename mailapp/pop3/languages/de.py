"""German."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} Oktette",
    "message {number} deleted": "Nachricht {number} gelöscht",
    "capability list follows": "Liste der Fähigkeiten folgt",
    "mechanisms follow": "Liste der Verfahren folgt",
    "language list follows": "Liste der Sprachen folgt",
    "top of message follows": "Anfang der Nachricht folgt",
    "{messages} messages ({octets} octets)": (
        "{messages} Nachrichten ({octets} Oktette)"
    ),
    "maildrop has {messages} messages ({octets} octets)": (
        "Im Postfach liegen {messages} Nachrichten ({octets} Oktette)"
    ),
    "language changed": "Sprache geändert",
    "UTF8 mode is on": "UTF8-Modus ist eingeschaltet",
    "send PASS": "PASS senden",
    "begin TLS negotiation": "TLS-Aushandlung beginnen",
    "nothing done": "nichts getan",
    "bye": "auf Wiedersehen",
    "TLS is active already": "TLS ist schon aktiv",
    "TLS is not available": "TLS ist nicht verfügbar",
    "nothing may follow STLS before TLS": "nach STLS darf vor TLS nichts folgen",
    "encryption is required first": "zuerst ist Verschlüsselung nötig",
    "invalid credentials": "Anmeldedaten ungültig",
    "too many failures, try again later": (
        "zu viele Fehlversuche, später wieder versuchen"
    ),
    "login is not possible now": "Anmeldung ist im Augenblick nicht möglich",
    "mechanism not available": "Verfahren nicht verfügbar",
    "APOP is not available": "APOP ist nicht verfügbar",
    "malformed response": "fehlerhafte Antwort",
    "authentication cancelled": "Anmeldung abgebrochen",
    "you were here a moment ago, try later": (
        "letzte Anmeldung ist zu kurz her, später wieder versuchen"
    ),
    "the maildrop is open in another session": (
        "das Postfach ist in einer anderen Sitzung geöffnet"
    ),
    "no such message": "keine solche Nachricht",
    "that message is deleted": "diese Nachricht ist gelöscht",
    "the message is no longer there": "die Nachricht ist nicht mehr da",
    "some deleted messages not removed": (
        "einige gelöschte Nachrichten wurden nicht entfernt"
    ),
    "the message needs UTF8 mode": "die Nachricht braucht den UTF8-Modus",
    "no such language": "keine solche Sprache",
    "log in first": "zuerst anmelden",
    "send USER first": "zuerst USER senden",
    "already logged in": "schon angemeldet",
    "line too long": "Zeile zu lang",
    "too many bad commands": "zu viele falsche Befehle",
    "the maildrop is not available now": (
        "das Postfach ist im Augenblick nicht verfügbar"
    ),
    "there is no such maildrop": "dieses Postfach gibt es nicht",
    "the maildrop lock was lost": "die Sperre des Postfachs ging verloren",
    "the account was closed": "das Konto wurde geschlossen",
    "internal error": "interner Fehler",
    "internal error, closing": "interner Fehler, Verbindung wird beendet",
    "going down, try again later": "Server wird beendet, später wieder versuchen",
    "too many connections, try again later": (
        "zu viele Verbindungen, später wieder versuchen"
    ),
    "unknown command": "unbekannter Befehl",
    "no argument is allowed": "kein Argument erlaubt",
    "one message number is required": "eine Nachrichtennummer ist nötig",
    "a message number and a number of lines are required": (
        "eine Nachrichtennummer und eine Zeilenzahl sind nötig"
    ),
    "one name is required": "ein Name ist nötig",
    "a password is required": "ein Passwort ist nötig",
    "a name and a digest in lower case are required": (
        "ein Name und ein Digest in Kleinbuchstaben sind nötig"
    ),
    "a mechanism is required": "ein Verfahren ist nötig",
    "an empty initial response is written =": (
        "eine leere erste Antwort wird = geschrieben"
    ),
    "not valid base64": "kein gültiges Base64",
    "a language is required": "eine Sprache ist nötig",
}
