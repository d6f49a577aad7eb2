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
    look_model: str = Field("Qwen/Qwen3-VL-8B-Instruct", description="Name of the model on that server.")
    look_key: SecretStr | None = Field(None, description="API key for that server.")
    look_timeout_s: float = Field(
        5,
        gt=0,
        description="Time limit for a look, in seconds from the start of OCR. After it, the text goes on without.",
    )
    look_colour: bool = Field(
        False, description="Without HANGTAG_LOOK_URL: find the main colour in the middle of each photo."
    )
