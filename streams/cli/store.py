"""`hangtag store`: sets up the photo store."""

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
    """Make typer treat this as a group, though it has only one command so far."""


@app.command()
def setup(
    *,
    show: bool = typer.Option(False, "--print", help="Only print the rule, and the command that would set it."),
) -> None:
    """
    Add a lifecycle rule to the bucket that deletes photos; its other rules are kept. Safe to repeat.

    For S3 it uses the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without them, and for Google and Azure, it
    prints the command to run and exits 1. A folder on disk needs no rule: use `hangtag retention`.
    It never sets a rule for the whole store: if photos have no folder of their own, only the sweep deletes them, and it
    exits 1.
    """
    from streams.photos.bucket.rules import Bucket, command, rule_days
    from streams.photos.folders import swept_folders

    settings, access = Settings(), S3Access()
    bucket = Bucket.of(settings.store_url)
    if bucket is None:
        typer.echo("photos are stored in a folder on disk: the recognize stage sweeps it, no rule is needed")
        return
    folders = swept_folders(settings)
    days = rule_days(settings.photo_retention_days)
    prefixes = tuple(f"{bucket.prefix}{folder.start}" for folder in folders if folder.start)
    left_out = len(prefixes) < len(folders)
    if left_out:
        typer.echo(
            f"no rule for photos at {settings.notifications_key}, because it would also delete everything else there. "
            "Let HANGTAG_NOTIFICATIONS_KEY begin with a folder for photos; until then only the sweep deletes them",
            err=True,
        )
    can = bucket.kind in {"s3", "s3a"} and access.access_key_id is not None and access.secret_access_key is not None
    if show or not can:
        typer.echo(command(bucket, prefixes, days))
        if not show:
            typer.echo("not set: run this command with the permission to change the bucket", err=True)
        raise typer.Exit(0 if show else 1)
    refused = asyncio.run(_apply(access, bucket, prefixes, days))
    if refused is not None:
        raise CommandError(f"not set: {refused.message}")
    typer.echo(f"{bucket.name}: photos are deleted {days} days after they were stored, from the next midnight on")
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
