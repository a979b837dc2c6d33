"""Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHRASES: Final[Mapping[str, str]] = {
    "{octets} octets": "{octets} オクテット",
    "message {number} deleted": "メッセージ {number} を削除しました",
    "capability list follows": "機能の一覧です",
    "mechanisms follow": "認証方式の一覧です",
    "language list follows": "言語の一覧です",
    "top of message follows": "メッセージの先頭部分です",
    "{messages} messages ({octets} octets)": "{messages} 通 ({octets} オクテット)",
    "maildrop has {messages} messages ({octets} octets)": (
        "メールボックスには {messages} 通のメッセージがあります ({octets} オクテット)"
    ),
    "language changed": "言語を変更しました",
    "UTF8 mode is on": "UTF8 モードになりました",
    "send PASS": "PASS を送ってください",
    "begin TLS negotiation": "TLS ネゴシエーションを開始してください",
    "nothing done": "何もしませんでした",
    "bye": "さようなら",
    "TLS is active already": "TLS はすでに有効です",
    "TLS is not available": "TLS は利用できません",
    "nothing may follow STLS before TLS": (
        "STLS の後、TLS の開始前に何も送ることはできません"
    ),
    "encryption is required first": "先に暗号化が必要です",
    "invalid credentials": "認証情報が正しくありません",
    "too many failures, try again later": "失敗が多すぎます。後でやり直してください",
    "login is not possible now": "現在ログインできません",
    "mechanism not available": "その認証方式は利用できません",
    "APOP is not available": "APOP は利用できません",
    "malformed response": "応答の形式が正しくありません",
    "authentication cancelled": "認証は中止されました",
    "you were here a moment ago, try later": (
        "前回のログインから間もないため、後でやり直してください"
    ),
    "the maildrop is open in another session": (
        "メールボックスは別のセッションで使用中です"
    ),
    "no such message": "そのメッセージはありません",
    "that message is deleted": "そのメッセージは削除されています",
    "the message is no longer there": "そのメッセージはもうありません",
    "some deleted messages not removed": (
        "削除したメッセージの一部を取り除けませんでした"
    ),
    "the message needs UTF8 mode": "そのメッセージには UTF8 モードが必要です",
    "no such language": "その言語はありません",
    "log in first": "先にログインしてください",
    "send USER first": "先に USER を送ってください",
    "already logged in": "すでにログインしています",
    "line too long": "行が長すぎます",
    "too many bad commands": "誤ったコマンドが多すぎます",
    "the maildrop is not available now": "現在メールボックスを利用できません",
    "there is no such maildrop": "そのメールボックスはありません",
    "the maildrop lock was lost": "メールボックスのロックが失われました",
    "the account was closed": "アカウントは閉鎖されました",
    "internal error": "内部エラー",
    "internal error, closing": "内部エラーのため切断します",
    "going down, try again later": "サーバーを停止します。後でやり直してください",
    "too many connections, try again later": "接続が多すぎます。後でやり直してください",
    "unknown command": "不明なコマンドです",
    "no argument is allowed": "引数は指定できません",
    "one message number is required": "メッセージ番号が一つ必要です",
    "a message number and a number of lines are required": (
        "メッセージ番号と行数が必要です"
    ),
    "one name is required": "名前が一つ必要です",
    "a password is required": "パスワードが必要です",
    "a name and a digest in lower case are required": (
        "名前と小文字のダイジェストが必要です"
    ),
    "a mechanism is required": "認証方式が必要です",
    "an empty initial response is written =": "空の初期応答は = と書きます",
    "not valid base64": "正しい base64 ではありません",
    "a language is required": "言語の指定が必要です",
}
