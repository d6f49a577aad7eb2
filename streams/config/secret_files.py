"""
Settings from files, as Docker and Kubernetes mount secrets: one file per setting, named as its variable.

Knows no setting but the one that names their folder.
"""

from pathlib import Path
from typing import Any, Final

from pydantic_settings import SecretsSettingsSource

#: Where Docker mounts secrets (docs.docker.com/compose/how-tos/use-secrets).
USUAL: Final = Path("/run/secrets")


class SecretFiles(SecretsSettingsSource):
    """The files of `secrets_dir`, which a stronger source may name, or of the place that is usual."""

    def __call__(self) -> dict[str, Any]:
        """Read them. A folder that is not there holds none; one that was named is missed when settings are checked."""
        folder = Path(self.current_state.get("secrets_dir") or USUAL)
        if not folder.is_dir():
            return {}
        self.secrets_dir = folder
        return super().__call__()
