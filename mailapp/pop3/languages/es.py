"""Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} octetos",
    "message {number} deleted": "mensaje {number} borrado",
    "capability list follows": "sigue la lista de capacidades",
    "mechanisms follow": "sigue la lista de mecanismos",
    "language list follows": "sigue la lista de idiomas",
    "top of message follows": "sigue el comienzo del mensaje",
    "{messages} messages ({octets} octets)": "{messages} mensajes ({octets} octetos)",
    "maildrop has {messages} messages ({octets} octets)": (
        "el buzón tiene {messages} mensajes ({octets} octetos)"
    ),
    "language changed": "idioma cambiado",
    "UTF8 mode is on": "el modo UTF8 está activado",
    "send PASS": "envíe PASS",
    "begin TLS negotiation": "comience la negociación TLS",
    "nothing done": "no se hizo nada",
    "bye": "adiós",
    "TLS is active already": "TLS ya está activo",
    "TLS is not available": "TLS no está disponible",
    "nothing may follow STLS before TLS": "nada puede seguir a STLS antes de TLS",
    "encryption is required first": "primero se requiere cifrado",
    "invalid credentials": "credenciales no válidas",
    "too many failures, try again later": "demasiados fallos, inténtelo más tarde",
    "login is not possible now": "ahora no es posible iniciar sesión",
    "mechanism not available": "mecanismo no disponible",
    "APOP is not available": "APOP no está disponible",
    "malformed response": "respuesta mal formada",
    "authentication cancelled": "autenticación cancelada",
    "you were here a moment ago, try later": (
        "ha pasado poco tiempo desde su última visita, inténtelo más tarde"
    ),
    "the maildrop is open in another session": "el buzón está abierto en otra sesión",
    "no such message": "no existe ese mensaje",
    "that message is deleted": "ese mensaje está borrado",
    "the message is no longer there": "el mensaje ya no está",
    "some deleted messages not removed": "algunos mensajes borrados no se eliminaron",
    "the message needs UTF8 mode": "el mensaje requiere el modo UTF8",
    "no such language": "no se conoce ese idioma",
    "log in first": "primero inicie sesión",
    "send USER first": "primero envíe USER",
    "already logged in": "la sesión ya está iniciada",
    "line too long": "línea demasiado larga",
    "too many bad commands": "demasiadas órdenes erróneas",
    "the maildrop is not available now": "el buzón no está disponible ahora",
    "there is no such maildrop": "no existe ese buzón",
    "the maildrop lock was lost": "se perdió el bloqueo del buzón",
    "the account was closed": "la cuenta fue cerrada",
    "internal error": "error interno",
    "internal error, closing": "error interno, se cierra la conexión",
    "going down, try again later": "el servidor se detiene, inténtelo más tarde",
    "too many connections, try again later": (
        "demasiadas conexiones, inténtelo más tarde"
    ),
    "unknown command": "orden desconocida",
    "no argument is allowed": "no se permite ningún argumento",
    "one message number is required": "se requiere un número de mensaje",
    "a message number and a number of lines are required": (
        "se requieren un número de mensaje y un número de líneas"
    ),
    "one name is required": "se requiere un nombre",
    "a password is required": "se requiere una contraseña",
    "a name and a digest in lower case are required": (
        "se requieren un nombre y un resumen en minúsculas"
    ),
    "a mechanism is required": "se requiere un mecanismo",
    "an empty initial response is written =": (
        "una respuesta inicial vacía se escribe ="
    ),
    "not valid base64": "base64 no válido",
    "a language is required": "se requiere un idioma",
}
