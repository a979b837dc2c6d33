"""French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} octets",
    "message {number} deleted": "message {number} supprimé",
    "capability list follows": "voici la liste des fonctions",
    "mechanisms follow": "voici la liste des mécanismes",
    "language list follows": "voici la liste des langues",
    "top of message follows": "voici le début du message",
    "{messages} messages ({octets} octets)": "{messages} messages ({octets} octets)",
    "maildrop has {messages} messages ({octets} octets)": (
        "la boîte contient {messages} messages ({octets} octets)"
    ),
    "language changed": "langue changée",
    "UTF8 mode is on": "le mode UTF8 est activé",
    "send PASS": "envoyez PASS",
    "begin TLS negotiation": "commencez la négociation TLS",
    "nothing done": "rien n'a été fait",
    "bye": "au revoir",
    "TLS is active already": "TLS est déjà actif",
    "TLS is not available": "TLS n'est pas disponible",
    "nothing may follow STLS before TLS": "rien ne peut suivre STLS avant TLS",
    "encryption is required first": "le chiffrement est d'abord requis",
    "invalid credentials": "identifiants non valides",
    "too many failures, try again later": "trop d'échecs, réessayez plus tard",
    "login is not possible now": "la connexion n'est pas possible actuellement",
    "mechanism not available": "mécanisme non disponible",
    "APOP is not available": "APOP n'est pas disponible",
    "malformed response": "réponse mal formée",
    "authentication cancelled": "authentification annulée",
    "you were here a moment ago, try later": (
        "votre dernière visite est trop récente, réessayez plus tard"
    ),
    "the maildrop is open in another session": (
        "la boîte est ouverte dans une autre session"
    ),
    "no such message": "ce message n'existe pas",
    "that message is deleted": "ce message est supprimé",
    "the message is no longer there": "le message n'est plus là",
    "some deleted messages not removed": (
        "certains messages supprimés n'ont pas été retirés"
    ),
    "the message needs UTF8 mode": "le message exige le mode UTF8",
    "no such language": "langue inconnue",
    "log in first": "identifiez-vous d'abord",
    "send USER first": "envoyez d'abord USER",
    "already logged in": "vous êtes déjà identifié",
    "line too long": "ligne trop longue",
    "too many bad commands": "trop de commandes erronées",
    "the maildrop is not available now": "la boîte n'est pas disponible actuellement",
    "there is no such maildrop": "cette boîte n'existe pas",
    "the maildrop lock was lost": "le verrou de la boîte a été perdu",
    "the account was closed": "le compte a été fermé",
    "internal error": "erreur interne",
    "internal error, closing": "erreur interne, fermeture de la connexion",
    "going down, try again later": "le serveur s'arrête, réessayez plus tard",
    "too many connections, try again later": "trop de connexions, réessayez plus tard",
    "unknown command": "commande inconnue",
    "no argument is allowed": "aucun argument n'est permis",
    "one message number is required": "un numéro de message est requis",
    "a message number and a number of lines are required": (
        "un numéro de message et un nombre de lignes sont requis"
    ),
    "one name is required": "un nom est requis",
    "a password is required": "un mot de passe est requis",
    "a name and a digest in lower case are required": (
        "un nom et une empreinte en minuscules sont requis"
    ),
    "a mechanism is required": "un mécanisme est requis",
    "an empty initial response is written =": "une réponse initiale vide s'écrit =",
    "not valid base64": "base64 non valide",
    "a language is required": "une langue est requise",
}
