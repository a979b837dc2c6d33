"""Portuguese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} octetos",
    "message {number} deleted": "mensagem {number} apagada",
    "capability list follows": "segue a lista de capacidades",
    "mechanisms follow": "segue a lista de mecanismos",
    "language list follows": "segue a lista de idiomas",
    "top of message follows": "segue o início da mensagem",
    "{messages} messages ({octets} octets)": "{messages} mensagens ({octets} octetos)",
    "maildrop has {messages} messages ({octets} octets)": (
        "a caixa tem {messages} mensagens ({octets} octetos)"
    ),
    "language changed": "idioma alterado",
    "UTF8 mode is on": "o modo UTF8 está ativo",
    "send PASS": "envie PASS",
    "begin TLS negotiation": "inicie a negociação TLS",
    "nothing done": "nada foi feito",
    "bye": "até logo",
    "TLS is active already": "TLS já está ativo",
    "TLS is not available": "TLS não está disponível",
    "nothing may follow STLS before TLS": "nada pode seguir STLS antes de TLS",
    "encryption is required first": "primeiro é necessária a cifragem",
    "invalid credentials": "credenciais inválidas",
    "too many failures, try again later": "demasiadas falhas, tente mais tarde",
    "login is not possible now": "não é possível iniciar sessão agora",
    "mechanism not available": "mecanismo não disponível",
    "APOP is not available": "APOP não está disponível",
    "malformed response": "resposta malformada",
    "authentication cancelled": "autenticação cancelada",
    "you were here a moment ago, try later": (
        "a última visita foi há pouco tempo, tente mais tarde"
    ),
    "the maildrop is open in another session": "a caixa está aberta noutra sessão",
    "no such message": "essa mensagem não existe",
    "that message is deleted": "essa mensagem está apagada",
    "the message is no longer there": "a mensagem já não está disponível",
    "some deleted messages not removed": (
        "algumas mensagens apagadas não foram removidas"
    ),
    "the message needs UTF8 mode": "a mensagem exige o modo UTF8",
    "no such language": "esse idioma não existe",
    "log in first": "inicie sessão primeiro",
    "send USER first": "envie USER primeiro",
    "already logged in": "a sessão já está iniciada",
    "line too long": "linha demasiado longa",
    "too many bad commands": "demasiados comandos errados",
    "the maildrop is not available now": "a caixa não está disponível agora",
    "there is no such maildrop": "essa caixa não existe",
    "the maildrop lock was lost": "o bloqueio da caixa perdeu-se",
    "the account was closed": "a conta foi encerrada",
    "internal error": "erro interno",
    "internal error, closing": "erro interno, a ligação será fechada",
    "going down, try again later": "o servidor vai parar, tente mais tarde",
    "too many connections, try again later": "demasiadas ligações, tente mais tarde",
    "unknown command": "comando desconhecido",
    "no argument is allowed": "nenhum argumento é permitido",
    "one message number is required": "é necessário um número de mensagem",
    "a message number and a number of lines are required": (
        "são necessários um número de mensagem e um número de linhas"
    ),
    "one name is required": "é necessário um nome",
    "a password is required": "é necessária uma palavra-passe",
    "a name and a digest in lower case are required": (
        "são necessários um nome e um resumo em minúsculas"
    ),
    "a mechanism is required": "é necessário um mecanismo",
    "an empty initial response is written =": "uma resposta inicial vazia escreve-se =",
    "not valid base64": "base64 inválido",
    "a language is required": "é necessário um idioma",
}
