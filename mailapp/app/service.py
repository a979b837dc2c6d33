"""Puts the listeners of one process together."""

from __future__ import annotations

import resource
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Final

from twisted.internet.defer import (
    Deferred,
    DeferredList,
    ensureDeferred,
    maybeDeferred,
)
from twisted.internet.interfaces import IListeningPort

from mailapp.app import imap, pop2, pop3
from mailapp.app.affinity import roam
from mailapp.app.last_uses import LastUses
from mailapp.app.outbound import flush_queue
from mailapp.app.parts import Parts
from mailapp.app.submission import Submissions
from mailapp.auth.assemble import Authentication
from mailapp.auth.hashes import Hashes
from mailapp.auth.interfaces import IMaildropAvatar
from mailapp.auth.throttle import Throttle
from mailapp.config.schema import Configuration, Listener, Protocol, Security
from mailapp.config.sections import LineEndings, Mechanism
from mailapp.directory.app_passwords import AppPasswordTable
from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.limits import Admission
from mailapp.net.listeners import adopt
from mailapp.net.names import SessionNames
from mailapp.net.review import Review
from mailapp.net.surroundings import Compose, Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import Pool
from mailapp.net.tls import CertificateFiles, ServerTLS
from mailapp.policy.check import Site
from mailapp.policy.table import make_policy
from mailapp.smtp import protocol as smtp
from mailapp.smtp.dialect import ESMTP
from mailapp.smtp.extensions.binarymime import BINARYMIME
from mailapp.smtp.extensions.extension import Extension
from mailapp.smtp.extensions.table import EXTENSIONS
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.lmtp import LMTP
from mailapp.smtp.profile import Login, Profile, SessionLimits
from mailapp.smtp.release import Release

_CHECKS_OF_DELIVERY: Final = frozenset({"delivered-before"})
_AUTH_QUEUE: Final = 64  # password checks that may wait; each takes some 30 ms
_OWN_DESCRIPTORS: Final = 300  # of listeners, logs, accounts, and mailboxes held open
_FEWEST_CONNECTIONS: Final = 16


def check_certificates(configuration: Configuration) -> None:
    """Load the certificates as a serving process does.

    Raises:
        BadCertificate: one can't be used.
    """
    if any(listener.tls is not Security.NONE for listener in configuration.listeners):
        _load_tls(configuration, "check", ())


def _load_tls(
    configuration: Configuration, name: str, alpn: tuple[bytes, ...]
) -> ServerTLS:
    tls = configuration.tls
    return ServerTLS(
        [CertificateFiles(str(c.chain), str(c.key)) for c in tls.certificates],
        name.encode(),
        alpn,
        str(tls.client_authority) if tls.client_authority else None,
    )


class Node:
    """What serves sessions: the listeners of one process.

    Args:
        parts: of the process; started and stopped by who made them.
        sockets: listener name to the descriptor of its listening socket.
    """

    def __init__(self, parts: Parts, sockets: Mapping[str, int]) -> None:
        self._configuration = configuration = parts.configuration
        self._reactor = reactor = parts.reactor
        self._parts = parts
        self._sockets = sockets
        self._sweep = Sweep(reactor)
        self._names = SessionNames()
        facts = parts.facts
        limits = configuration.limits
        self._admission = Admission(
            reactor,
            total=limits.connections,
            per_address=limits.connections_per_address,
            per_minute=limits.connections_per_minute,
            trusted=limits.trusted,
            most=_most_connections(),
            observe=None if parts.alone else facts.tell_connections,
        )
        throttle = Throttle(reactor, observe=None if parts.alone else facts.tell_login)
        facts.on_connections = self._admission.heard
        facts.on_login = throttle.learn
        self._passwords = Pool(reactor, "password", 1, _AUTH_QUEUE, first=roam)
        self._authentication = Authentication(
            parts.store,
            parts.directory,
            parts.key,
            Hashes(
                self._passwords.run,
                memory_kib=configuration.auth.argon2_memory // 1024,
                passes=configuration.auth.argon2_passes,
            ),
            throttle,
            reactor,
            apop=configuration.pop3.apop,
            cram_md5=Mechanism.CRAM_MD5 in configuration.auth.mechanisms,
            hostname=configuration.server.hostname,
            note_use=LastUses(
                AppPasswordTable(configuration.server.accounts).mark_used,
                parts.writes.run,
                time.time,
            ).note,
            remember_seconds=configuration.auth.remember_logins,
            observe_good=None if parts.alone else facts.tell_good,
        )
        facts.on_good = lambda token: self._authentication.recent.heard(
            token, reactor.seconds()
        )
        self._pop2 = pop2.Pop2(reactor, parts.writes.run, self._pause)
        self._pop3 = pop3.Pop3(
            configuration,
            self._authentication,
            reactor,
            facts,
            parts.writes.run,
            self._pause,
        )
        self._submissions = Submissions(parts, self._authentication, self._pause)
        self._tls: list[ServerTLS] = []
        self._ports: list[IListeningPort] = []
        self._review = Review(reactor, self._drivers)
        self._factories = {
            listener.name: self._factory(listener)
            for listener in configuration.listeners
            if listener.name in sockets
        }

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(map(len, self._factories.values()))

    def start(self) -> None:
        """Serve."""
        for name, factory in self._factories.items():
            self._ports.append(adopt(self._reactor, self._sockets[name], factory))
        self._review.start()

    def stop(self) -> Deferred[None]:
        """Accept no more, and let sessions finish."""
        return ensureDeferred(self._stop())

    def reload_certificates(self) -> None:
        """Read them again; new connections get what they say.

        Raises:
            BadCertificate: those of before stay in use.
        """
        for tls in self._tls:
            tls.reload()

    async def _stop(self) -> None:
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        drained = DeferredList([f.drain() for f in self._factories.values()])
        patience = self._reactor.callLater(
            self._configuration.server.drain, self._abort_all
        )
        await drained
        if patience.active():
            patience.cancel()
        self._review.stop()
        self._sweep.stop()
        await self._passwords.stop()

    def _drivers(self) -> Iterator[Driver]:
        for factory in self._factories.values():
            yield from factory.drivers()

    def _abort_all(self) -> None:
        for factory in self._factories.values():
            factory.abort_all()

    # ---- listeners

    def _factory(self, listener: Listener) -> DriverFactory:
        compose, refusal, alpn = self._compose(listener)
        return DriverFactory(
            compose,
            Surroundings(
                clock=self._reactor,
                sweep=self._sweep,
                tls=self._tls_for(listener, alpn),
                implicit_tls=listener.tls is Security.IMPLICIT,
                admission=self._admission,
                refusal=refusal,
                trusted=self._configuration.limits.trusted,
                proxy_from=listener.proxy_from,
                name=self._names,
            ),
        )

    def _compose(self, listener: Listener) -> tuple[Compose, bytes, tuple[bytes, ...]]:
        """What serves a connection, what refuses one, and the protocol's ALPN names."""
        if listener.protocol in {Protocol.SMTP, Protocol.LMTP}:
            profile = self._smtp_profile(listener)
            compose = smtp.compose_smtp(
                profile,
                self._parts.delivery,
                make_policy(
                    self._checks(listener),
                    Site(profile.hostname, self._configuration.server.domains),
                ),
                now=time.time,
                token=self._parts.message_names,
                pause=self._pause,
                events=self._parts.journal,
            )
            return compose, smtp.over_limit(profile), smtp.ALPN
        if listener.protocol is Protocol.SUBMISSION:
            profile = self._smtp_profile(listener)
            serve = self._submissions.compose(listener, profile)
            return serve, smtp.over_limit(profile), smtp.ALPN
        if listener.protocol is Protocol.POP2:
            authenticator = self._authentication.authenticator(
                IMaildropAvatar, allow_cleartext=listener.takes_cleartext
            )
            serve = self._pop2.compose(self._configuration, listener, authenticator)
            return serve, pop2.REFUSAL, pop2.ALPN
        if listener.protocol is Protocol.IMAP:
            serve = imap.compose(
                self._configuration,
                listener,
                self._authentication,
                self._reactor,
                self._parts.writes.run,
            )
            return serve, imap.REFUSAL, imap.ALPN
        return self._pop3.compose(listener), pop3.REFUSAL, pop3.ALPN

    def _checks(self, listener: Listener) -> Sequence[str]:
        """Behind LMTP the message was accepted before: only loops are stopped."""
        wanted = self._configuration.smtp.checks
        if listener.protocol is Protocol.LMTP:
            return [name for name in wanted if name in _CHECKS_OF_DELIVERY]
        return wanted

    def _extensions(self) -> Iterator[Extension]:
        """All there are; no BINARYMIME where the store changes line ends.

        RFC 3030, section 3: "it agrees to preserve all bits in each octet".
        """
        keeps = self._configuration.storage.line_endings is LineEndings.CRLF
        for extension in EXTENSIONS:
            if keeps or extension is not BINARYMIME:
                yield extension

    def _smtp_profile(self, listener: Listener) -> Profile:
        configuration = self._configuration
        limits = configuration.limits
        return Profile(
            hostname=configuration.server.hostname,
            domain=configuration.server.domains[0],
            content=ContentLimits(
                size_octets=limits.message_size,
                header_octets=limits.header_size,
                received_fields=limits.received_fields,
                line_octets=limits.line_length or 0,
                strict=configuration.smtp.strict_8bit,
            ),
            limits=SessionLimits(
                recipients=limits.recipients,
                errors=limits.bad_commands,
                command_seconds=configuration.smtp.command_timeout,
                content_seconds=configuration.smtp.content_timeout,
            ),
            tls_available=listener.tls is Security.STARTTLS,
            verify=configuration.smtp.verify,
            login=Login.REQUIRED
            if listener.protocol is Protocol.SUBMISSION
            else Login.NONE,
            extensions=tuple(self._extensions()),
            queue=True,
            release=Release(self._flush, time.time)
            if listener.protocol is Protocol.SMTP
            else None,
            dialect=LMTP if listener.protocol is Protocol.LMTP else ESMTP,
            relay_networks=configuration.smtp.relay_networks
            if listener.protocol is Protocol.SMTP
            else (),
        )

    def _flush(self, domain: str) -> Awaitable[int]:
        parts = self._parts
        flushed: Awaitable[int] = parts.writes.run(
            flush_queue, parts.configuration.queue_folder, domain
        )
        return flushed

    def _tls_for(self, listener: Listener, alpn: tuple[bytes, ...]) -> ServerTLS | None:
        if listener.tls is Security.NONE:
            return None
        made = _load_tls(self._configuration, listener.name, alpn)
        self._tls.append(made)
        return made

    def _pause(self, seconds: float) -> Deferred[None]:
        waited: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, waited.callback, None)
        return waited


def _most_connections() -> int:
    """As many as leave a descriptor for a file to each: a message, or a lock."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_FEWEST_CONNECTIONS, (descriptors - _OWN_DESCRIPTORS) // 2)
