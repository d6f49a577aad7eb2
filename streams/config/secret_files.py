"""
Settings from files, as Docker and Kubernetes mount secrets: one file per setting, named as its variable.

Knows no setting but the one that names their folder.
"""

from pathlib import Path
from typing import Any, Final

from pydantic_settings import SecretsSettingsSource

from schemas.input_files import UnfitFileError

#: Where Docker mounts secrets (docs.docker.com/compose/how-tos/use-secrets).
USUAL: Final = Path("/run/secrets")
#: Bytes of a setting's file: a list of addresses, or a key.
LARGEST: Final = 100_000


class SecretFiles(SecretsSettingsSource):
    """The files of `secrets_dir`, which a stronger source may name, or of the place that is usual."""

    @classmethod
    def find_case_path(cls, dir_path: Path, file_name: str, case_sensitive: bool) -> Path | None:
        """
        Find the file of a setting.

        Raises:
            UnfitFileError: it is no regular file, or too large to be a setting; nothing of it is read.

        """
        path = super().find_case_path(dir_path, file_name, case_sensitive)
        if path is not None and not path.is_file():
            raise UnfitFileError(f"{path} is not a regular file")
        if path is not None and path.stat().st_size > LARGEST:
            raise UnfitFileError(f"{path} has more than {LARGEST:,} bytes")
        return path

    def __call__(self) -> dict[str, Any]:
        """Read them. A folder that is not there holds none; one that was named is missed when settings are checked."""
        folder = Path(self.current_state.get("secrets_dir") or USUAL)
        if not folder.is_dir():
            return {}
        self.secrets_dir = folder
        return super().__call__()
