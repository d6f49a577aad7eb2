"""
Reads settings from files, as Docker and Kubernetes mount secrets: one file per setting, named as its variable.

Knows only the setting that names their folder.
"""

from pathlib import Path
from typing import Any, Final

from pydantic_settings import SecretsSettingsSource

from schemas.input_files import UnfitFileError

#: Docker's default folder (docs.docker.com/compose/how-tos/use-secrets).
USUAL: Final = Path("/run/secrets")
#: Most bytes of a setting's file, which contains a list of addresses or a key.
LARGEST: Final = 100_000


class SecretFiles(SecretsSettingsSource):
    """The files in `secrets_dir`, if another source sets it, or in the default folder."""

    @classmethod
    def find_case_path(cls, dir_path: Path, file_name: str, case_sensitive: bool) -> Path | None:
        """
        Return the file of a setting.

        Raises:
            UnfitFileError: It is not a regular file, or too large for a setting; it is not read.

        """
        path = super().find_case_path(dir_path, file_name, case_sensitive)
        if path is not None and not path.is_file():
            raise UnfitFileError(f"{path} is not a regular file")
        if path is not None and path.stat().st_size > LARGEST:
            raise UnfitFileError(f"{path} has more than {LARGEST:,} bytes")
        return path

    def __call__(self) -> dict[str, Any]:
        """Read the files. A missing default folder counts as empty; a missing `secrets_dir` fails at validation."""
        folder = Path(self.current_state.get("secrets_dir") or USUAL)
        if not folder.is_dir():
            return {}
        self.secrets_dir = folder
        return super().__call__()
