"""Italian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} ottetti",
    "message {number} deleted": "messaggio {number} cancellato",
    "capability list follows": "segue l'elenco delle funzioni",
    "mechanisms follow": "segue l'elenco dei meccanismi",
    "language list follows": "segue l'elenco delle lingue",
    "top of message follows": "segue l'inizio del messaggio",
    "{messages} messages ({octets} octets)": "{messages} messaggi ({octets} ottetti)",
    "maildrop has {messages} messages ({octets} octets)": (
        "la casella contiene {messages} messaggi ({octets} ottetti)"
    ),
    "language changed": "lingua cambiata",
    "UTF8 mode is on": "la modalità UTF8 è attiva",
    "send PASS": "inviare PASS",
    "begin TLS negotiation": "iniziare la negoziazione TLS",
    "nothing done": "nulla di fatto",
    "bye": "arrivederci",
    "TLS is active already": "TLS è già attivo",
    "TLS is not available": "TLS non è disponibile",
    "nothing may follow STLS before TLS": "niente può seguire STLS prima di TLS",
    "encryption is required first": "prima è richiesta la cifratura",
    "invalid credentials": "credenziali non valide",
    "too many failures, try again later": (
        "troppi tentativi falliti, riprovare più tardi"
    ),
    "login is not possible now": "l'accesso non è possibile in questo momento",
    "mechanism not available": "meccanismo non disponibile",
    "APOP is not available": "APOP non è disponibile",
    "malformed response": "risposta non valida",
    "authentication cancelled": "autenticazione annullata",
    "you were here a moment ago, try later": (
        "l'ultimo accesso è troppo recente, riprovare più tardi"
    ),
    "the maildrop is open in another session": (
        "la casella è aperta in un'altra sessione"
    ),
    "no such message": "il messaggio non esiste",
    "that message is deleted": "il messaggio è cancellato",
    "the message is no longer there": "il messaggio non c'è più",
    "some deleted messages not removed": (
        "alcuni messaggi cancellati non sono stati rimossi"
    ),
    "the message needs UTF8 mode": "il messaggio richiede la modalità UTF8",
    "no such language": "lingua sconosciuta",
    "log in first": "prima eseguire l'accesso",
    "send USER first": "prima inviare USER",
    "already logged in": "accesso già eseguito",
    "line too long": "riga troppo lunga",
    "too many bad commands": "troppi comandi errati",
    "the maildrop is not available now": (
        "la casella non è disponibile in questo momento"
    ),
    "there is no such maildrop": "la casella non esiste",
    "the maildrop lock was lost": "il blocco della casella è andato perso",
    "the account was closed": "l'account è stato chiuso",
    "internal error": "errore interno",
    "internal error, closing": "errore interno, la connessione viene chiusa",
    "going down, try again later": "il server si sta fermando, riprovare più tardi",
    "too many connections, try again later": "troppe connessioni, riprovare più tardi",
    "unknown command": "comando sconosciuto",
    "no argument is allowed": "nessun argomento è ammesso",
    "one message number is required": "è richiesto un numero di messaggio",
    "a message number and a number of lines are required": (
        "sono richiesti un numero di messaggio e un numero di righe"
    ),
    "one name is required": "è richiesto un nome",
    "a password is required": "è richiesta una password",
    "a name and a digest in lower case are required": (
        "sono richiesti un nome e un digest in minuscolo"
    ),
    "a mechanism is required": "è richiesto un meccanismo",
    "an empty initial response is written =": "una risposta iniziale vuota si scrive =",
    "not valid base64": "base64 non valido",
    "a language is required": "è richiesta una lingua",
}
