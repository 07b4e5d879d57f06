"""The ``auth-provider`` of a user, which is kubernetes-asyncio's: its OpenID Connect is right."""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING, Any

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class AuthProvider:
    """Asks a provider for tokens; it refreshes them itself when they are about to end.

    Args:
        user: The section of the user in the kubeconfig.
    """

    def __init__(self, user: Mapping[str, Any]) -> None:
        self._document = {
            "current-context": "selected",
            "contexts": [
                {"name": "selected", "context": {"cluster": "selected", "user": "selected"}}
            ],
            "clusters": [{"name": "selected", "cluster": {"server": "https://unused.invalid"}}],
            "users": [
                {"name": "selected", "user": {"auth-provider": user["auth-provider"]}},
            ],
        }

    async def authorization(self) -> str:
        """Return the value of the Authorization header; empty where the provider has no token.

        Raises:
            UsageError: The provider cannot be used; says why.
        """
        # Slow to import, so not while the loop has other work.
        config = await asyncio.to_thread(importlib.import_module, "kubernetes_asyncio.config")
        from kubernetes_asyncio.client import Configuration  # noqa: PLC0415 - slow to import

        # It reports what it raises as well, and we say it better.
        logging.getLogger("kubernetes_asyncio").addHandler(logging.NullHandler())
        settings = Configuration()
        try:
            await config.load_kube_config_from_dict(self._document, client_configuration=settings)
        except Exception as error:  # that package lets whatever a file's content causes through
            why = str(error).strip() or type(error).__name__
            raise UsageError(f"auth-provider: {why}") from error
        return str(settings.api_key.get("BearerToken") or "").strip()
