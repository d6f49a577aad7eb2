"""The settings of looks at the picture itself."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from streams.config.addresses import Address


class LookSettings(BaseSettings):
    """A part of `Settings`."""

    look_url: Address | None = Field(
        None,
        description="Server with OpenAI's API whose model looks at photos. It receives every photo. Default: no look.",
    )
    look_model: str = Field("Qwen/Qwen3-VL-8B-Instruct", description="Model to ask for at that server.")
    look_key: SecretStr | None = Field(None, description="Key of that server.")
    look_timeout_s: float = Field(
        5, gt=0, description="A photo's text waits at most this many seconds for the look, from when both began."
    )
    look_colour: bool = Field(
        False, description="Without such a server, tell the main colour in the middle of each photo."
    )
