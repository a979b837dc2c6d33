"""Puts one serving process together; the only place that names concrete classes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

from twisted.internet.defer import (
    Deferred,
    DeferredList,
    ensureDeferred,
    maybeDeferred,
)
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailapp.app import pop2, pop3
from mailapp.app.affinity import roam
from mailapp.app.facts import Facts
from mailapp.auth.assemble import Authentication
from mailapp.auth.hashes import Hashes
from mailapp.auth.interfaces import IMaildropAvatar
from mailapp.auth.keys import KEY_FILE, load_key
from mailapp.auth.throttle import Throttle
from mailapp.config.schema import Configuration, Listener, Protocol, Security
from mailapp.delivery.local import LocalDelivery
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.limits import Admission
from mailapp.net.listeners import adopt
from mailapp.net.names import MessageNames, SessionNames
from mailapp.net.review import Review
from mailapp.net.surroundings import Compose, Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import Pool
from mailapp.net.tls import CertificateFiles, ServerTLS
from mailapp.policy.check import Site
from mailapp.policy.table import make_policy
from mailapp.smtp import protocol as smtp
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile, SessionLimits
from mailapp.storage.maildir.store import MaildirStore

TEND_EVERY: Final = 3600.0  # seconds between two sweeps of what was left behind
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
    """One process that serves: its store, its directory, its listeners.

    Args:
        configuration: all of it.
        reactor: the real one.
        sockets: listener name to the descriptor of its listening socket.
        publish: tells the other processes a fact: topic and octets.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        sockets: Mapping[str, int],
        *,
        publish: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._sockets = sockets
        self._facts = Facts(reactor, publish)
        self._sweep = Sweep(reactor)
        self._names = SessionNames()
        self._message_names = MessageNames()
        limits = configuration.limits
        self._admission = Admission(
            reactor,
            total=limits.connections,
            per_address=limits.connections_per_address,
            per_minute=limits.connections_per_minute,
            trusted=limits.trusted,
            most=_most_connections(),
            observe=self._facts.tell_connections if publish else None,
        )
        self._throttle = Throttle(
            reactor, observe=self._facts.tell_login if publish else None
        )
        self._facts.on_connections = self._admission.heard
        self._facts.on_login = self._throttle.learn
        self._writes = Pool(reactor, "write", configuration.storage.write_threads)
        self._passwords = Pool(reactor, "password", 1, _AUTH_QUEUE, first=roam)
        self._accounts = Accounts(configuration.server.accounts)
        self._directory = Directory(
            self._accounts,
            configuration.server.domains,
            separator=configuration.smtp.separator or "",
            postmaster=configuration.server.postmaster,
        )
        self._store = MaildirStore(
            configuration.mail_root,
            self._writes.run,
            clock=reactor,
            line_endings=configuration.storage.line_endings.value,
        )
        self._delivery = LocalDelivery(
            self._store,
            self._directory,
            configuration.server.hostname,
            detail_folders=configuration.smtp.detail_folders,
        )
        self._authentication = Authentication(
            self._store,
            self._directory,
            load_key(configuration.server.directory / KEY_FILE),
            Hashes(
                self._passwords.run,
                memory_kib=configuration.auth.argon2_memory // 1024,
                passes=configuration.auth.argon2_passes,
            ),
            self._throttle,
            reactor,
            apop=configuration.pop3.apop,
        )
        self._pop2 = pop2.Pop2(reactor, self._writes.run, self._pause)
        self._pop3 = pop3.Pop3(
            configuration,
            self._authentication,
            reactor,
            self._facts,
            self._writes.run,
            self._pause,
        )
        self._tls: list[ServerTLS] = []
        self._ports: list[IListeningPort] = []
        self._review = Review(reactor, self._drivers)
        self._tending = LoopingCall(self._tend)
        self._tending.clock = reactor
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
        self._facts.start()
        self._writes.start()
        for name, factory in self._factories.items():
            self._ports.append(adopt(self._reactor, self._sockets[name], factory))
        self._review.start()
        _ = self._tending.start(TEND_EVERY)

    def stop(self) -> Deferred[None]:
        """Accept no more, let sessions finish, close the store."""
        return ensureDeferred(self._stop())

    def heard(self, topic: bytes, fact: bytes) -> None:
        """Another process published a fact."""
        self._facts.heard(topic, fact)

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
        if self._tending.running:
            self._tending.stop()
        self._review.stop()
        self._facts.stop()
        self._sweep.stop()
        await self._store.close()
        await self._writes.stop()
        await self._passwords.stop()
        self._accounts.close()

    def _drivers(self) -> Iterator[Driver]:
        for factory in self._factories.values():
            yield from factory.drivers()

    def _abort_all(self) -> None:
        for factory in self._factories.values():
            factory.abort_all()

    async def _tend_store(self) -> None:
        await self._store.tend(time.time())

    def _tend(self) -> Deferred[None]:
        return ensureDeferred(self._tend_store()).addErrback(
            lambda failure: self.log.failure(
                "tending the store", failure, event="store.tend.failed"
            )
        )

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
        if listener.protocol is Protocol.SMTP:
            profile = self._smtp_profile(listener)
            compose = smtp.compose_smtp(
                profile,
                self._delivery,
                make_policy(
                    self._configuration.smtp.checks,
                    Site(profile.hostname, self._configuration.server.domains),
                ),
                now=time.time,
                token=self._message_names,
                pause=self._pause,
            )
            return compose, smtp.over_limit(profile), smtp.ALPN
        if listener.protocol is Protocol.POP2:
            authenticator = self._authentication.authenticator(
                IMaildropAvatar, allow_cleartext=listener.takes_cleartext
            )
            serve = self._pop2.compose(self._configuration, authenticator)
            return serve, pop2.REFUSAL, pop2.ALPN
        return self._pop3.compose(listener), pop3.REFUSAL, pop3.ALPN

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
            ),
            limits=SessionLimits(
                recipients=limits.recipients,
                errors=limits.bad_commands,
                command_seconds=configuration.smtp.command_timeout,
                content_seconds=configuration.smtp.content_timeout,
            ),
            tls_available=listener.tls is Security.STARTTLS,
            verify=configuration.smtp.verify,
        )

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
