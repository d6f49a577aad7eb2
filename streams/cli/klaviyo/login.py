"""`hangtag klaviyo login`: gets OAuth tokens for an account."""

import typer

from streams.cli.support.boundary import UNUSABLE, CommandError


def login(
    redirect: str = typer.Option(
        "http://127.0.0.1:4012/callback", help="Redirect URL of the app, as in its settings at Klaviyo."
    ),
    scopes: str = typer.Option(
        "accounts:read events:write profiles:read profiles:write lists:read lists:write", help="Scopes of the app."
    ),
    limit_s: float = typer.Option(300, min=1, help="Seconds to wait for the browser."),
) -> None:
    """
    Authorize an OAuth app for an account, and store its tokens in HANGTAG_KLAVIYO_TOKENS_FILE.

    A redirect URL on this machine is received here. For any other, paste the address that the browser ends at.
    """
    import httpx

    from klaviyo_sink.api.login import Login, LoginError
    from klaviyo_sink.api.oauth import exchange_code
    from schemas.steady_clock import now as steady_now
    from streams.config.settings import Settings
    from streams.wiring.klaviyo import make_token_file

    file = make_token_file(Settings())
    if file is None:
        raise CommandError("set HANGTAG_KLAVIYO_TOKENS_FILE to the file for the tokens", UNUSABLE)
    attempt = Login(file.client_id, scopes, redirect)
    print(f"Open this page in a browser that is signed in to Klaviyo:\n{attempt.url}", flush=True)
    try:
        if attempt.comes_here:
            code = attempt.wait(limit_s)
        else:
            code = attempt.code_in(typer.prompt("Address that the browser ended at", hide_input=True))
        exchange_code(file, code, attempt.verifier, redirect, steady_now().timestamp())
    except LoginError as error:
        why = str(error)
    except httpx.HTTPStatusError as error:
        why = f"Klaviyo rejected the code (HTTP {error.response.status_code}); check the client's id and secret"
    except httpx.HTTPError as error:
        why = f"no tokens from {file.token_url} ({type(error).__name__})"
    except OSError as error:
        why = f"{file.path} cannot be written: {error.strerror}"
    else:
        print(f"The tokens are in {file.path}; only your user can read it.")
        return
    raise CommandError(f"not logged in: {why}")
