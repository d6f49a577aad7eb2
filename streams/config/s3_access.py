"""AWS credentials from the environment, for requests that obstore cannot make."""

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class S3Access(BaseSettings):
    """AWS credentials and region, read from the same variables as obstore reads."""

    model_config = SettingsConfigDict(env_prefix="AWS_", extra="ignore", frozen=True, hide_input_in_errors=True)

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = Field(None, validation_alias=AliasChoices("AWS_SESSION_TOKEN", "AWS_TOKEN"))
    region: str = Field("us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    endpoint: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL")
    )
    virtual_hosted_style_request: bool = False

    def address_of(self, bucket: str) -> str:
        """Return the bucket's URL: a path below the server, or a host name of its own."""
        server = f"s3.{self.region}.amazonaws.com"
        if self.virtual_hosted_style_request:
            # The endpoint then contains the bucket, as in obstore (S3Config.virtual_hosted_style_request).
            return self.endpoint or f"https://{bucket}.{server}"
        return f"{(self.endpoint or f'https://{server}').rstrip('/')}/{bucket}"
