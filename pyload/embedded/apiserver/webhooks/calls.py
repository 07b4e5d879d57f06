"""The HTTPS calls to webhooks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
import orjson
from yarl import URL

from pyload.embedded.apiserver.webhooks.address import address_of
from pyload.embedded.apiserver.webhooks.admission import Decision
from pyload.embedded.apiserver.webhooks.review import (
    Verdict,
    WebhookError,
    failed,
    patched,
    read_verdict,
    review,
)
from pyload.errors import UsageError
from pyload.kube.proof import Trust
from pyload.kube.tls_context import tls_context

if TYPE_CHECKING:
    import ssl

    from pyload.embedded.apiserver.store import Store
    from pyload.embedded.apiserver.webhooks.address import Address
    from pyload.embedded.apiserver.webhooks.admission import Question
    from pyload.embedded.apiserver.webhooks.configurations import Webhook
    from pyload.kube.resources import Obj


class WebhookCaller:
    """Asks webhooks. Connections stay open until `aclose`.

    Args:
        store: The services, and where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._session: aiohttp.ClientSession | None = None

    async def decide(self, question: Question) -> Decision:
        """Ask the webhooks of a question: mutating ones in turn, validating ones at once.

        Raises:
            Refused: One of them denies the request, or must answer and does not.
        """
        obj, old = question.obj, question.old
        warnings: list[str] = []
        if question.phase == "validating":
            asked = [one for one in question.webhooks if one[0].selects(obj, old)]
            for verdict in await asyncio.gather(
                *(self._ask(question, *one, obj=obj) for one in asked)
            ):
                warnings += verdict.warnings
        else:
            for webhook, version in question.webhooks:
                if webhook.selects(obj, old):
                    verdict = await self._ask(question, webhook, version, obj=obj)
                    warnings += verdict.warnings
                    if obj is not None and verdict.patch:
                        obj = patched(obj, verdict, question.target)
        return Decision(question.key, question.revision, obj, tuple(warnings))

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self, question: Question, webhook: Webhook, version: str, *, obj: Obj | None
    ) -> Verdict:
        """Return a webhook's verdict; an empty one if it fails and need not answer.

        Raises:
            Refused: It denies the request, or must answer and does not.
        """
        uid = str(uuid.uuid4())
        body = review(question, webhook, version, obj=obj, uid=uid)
        try:
            async with asyncio.timeout(webhook.timeout):
                raw = await self._post(webhook, orjson.dumps(body))
            return read_verdict(raw, webhook, uid=uid)
        except WebhookError as error:
            why = str(error)
        except TimeoutError:
            why = "failed to call webhook: context deadline exceeded"
        if webhook.must_answer:
            raise failed(webhook, why)
        return Verdict()

    async def _post(self, webhook: Webhook, body: bytes) -> bytes:
        """Send a review and return the whole answer.

        Raises:
            WebhookError: There is none.
        """
        address = address_of(webhook.client, self._store)
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        shown = URL(address.url).update_query(timeout=f"{webhook.timeout}s")
        try:
            async with self._session.post(
                shown.with_host(address.host).with_port(address.port),
                data=body,
                headers={"Host": address.server_name},
                ssl=self._context(webhook.client.get("caBundle", "")),
                server_hostname=address.server_name,
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            raise WebhookError(
                f'failed to call webhook: Post "{shown}": {_explain(error, address)}'
            ) from error
        if answer.status != HTTPStatus.OK:
            text = raw.decode(errors="replace").strip()
            raise WebhookError(f"failed to call webhook: {text or answer.status}")
        return raw

    def _context(self, bundle: str) -> ssl.SSLContext:
        """Return a context that trusts a base64 ``caBundle``, or the system's roots without one.

        Raises:
            WebhookError: It is no certificate.
        """
        context = self._contexts.get(bundle)
        if context is None:
            try:
                context = tls_context(Trust(roots=base64.b64decode(bundle)))
            except (UsageError, binascii.Error) as error:
                raise WebhookError(f"unable to load root certificates: {error}") from error
            self._contexts[bundle] = context
        return context


def _explain(error: Exception, address: Address) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return f"tls: failed to verify certificate: x509: {why}"
    if isinstance(error, aiohttp.ClientConnectorError):
        # asyncio's own text repeats the address.
        number = error.os_error.errno
        why = os.strerror(number).lower() if number else error.os_error
        return f"dial tcp {address.host}:{address.port}: connect: {why}"
    return str(error) or type(error).__name__
