"""`hangtag store`: set up the place where photos lie."""

import asyncio
from typing import TYPE_CHECKING

import typer

from streams.cli.support.boundary import CommandError
from streams.config.s3_access import S3Access
from streams.config.settings import Settings

if TYPE_CHECKING:
    from schemas.outcomes import Later, Misconfigured
    from streams.photos.bucket.rules import Bucket

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def store() -> None:
    """Say that this is a group of commands, though it has one as yet."""


@app.command()
def setup(
    *,
    show: bool = typer.Option(False, "--print", help="Only print the rule, and the command that would set it."),
) -> None:
    """
    Give the bucket a rule of its own that deletes photos, beside the rules it has. Safe to repeat.

    S3 is asked with the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them, and for Google and Azure, the
    command to run is printed instead, and the exit code is 1. A folder on disk needs no rule: `hangtag retention`.
    No rule is for the whole store: photos without a folder of their own are left to the sweep, and the exit code is 1.
    """
    from streams.photos.bucket.rules import Bucket, command, rule_days
    from streams.photos.retention import swept_folders

    settings, access = Settings(), S3Access()
    bucket = Bucket.of(settings.store_url)
    if bucket is None:
        typer.echo("photos lie in a folder on disk: the recognize stage sweeps it, and there is no rule to set")
        return
    folders = swept_folders(settings)
    days = rule_days(settings.photo_retention_days)
    prefixes = tuple(f"{bucket.prefix}{folder.start}" for folder in folders if folder.start)
    left_out = len(prefixes) < len(folders)
    if left_out:
        typer.echo(
            f"no rule for photos at {settings.notifications_key}: it would be for all that lies there, yours too. "
            "Let HANGTAG_NOTIFICATIONS_KEY begin with a folder of their own; until then only the sweep deletes them",
            err=True,
        )
    can = bucket.kind in {"s3", "s3a"} and access.access_key_id is not None and access.secret_access_key is not None
    if show or not can:
        typer.echo(command(bucket, prefixes, days))
        if not show:
            typer.echo("not set: run this command with the rights to change the bucket", err=True)
        raise typer.Exit(0 if show else 1)
    refused = asyncio.run(_apply(access, bucket, prefixes, days))
    if refused is not None:
        raise CommandError(f"not set: {refused.message}")
    typer.echo(f"{bucket.name}: photos are deleted {days} days after they were stored, counted from the next midnight")
    if left_out:
        raise typer.Exit(1)


async def _apply(
    access: S3Access, bucket: "Bucket", prefixes: tuple[str, ...], days: int
) -> "Later | Misconfigured | None":
    import httpx

    from streams.photos.bucket.rules import apply
    from streams.photos.signing import AwsKey, SignedForS3
    from streams.wiring.clock import now

    assert access.access_key_id is not None  # noqa: S101 - asked before
    assert access.secret_access_key is not None  # noqa: S101 - asked before
    key = AwsKey(access.access_key_id, access.secret_access_key, access.session_token, access.region)
    async with httpx.AsyncClient(auth=SignedForS3(key, now=now), timeout=30) as http:
        return await apply(http, access.address_of(bucket.name), prefixes, days)
