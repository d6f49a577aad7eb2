"""Serves the metrics of a command that runs until stopped. Knows none of them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from prometheus_client import REGISTRY, make_asgi_app
from prometheus_client.registry import Collector

from streams.cli.support.listen import check_exposure, listen
from streams.config.settings import Settings


@contextmanager
def serving_metrics(what: str, host: str, port: int, registry: Collector = REGISTRY) -> Iterator[None]:
    """Serve metrics during the block, and print the URL. SIGTERM and Ctrl-C end the block and exit with code 0."""
    import uvicorn

    from ocr_worker.http.bounded_http import bounded_http, own_policy

    check_exposure("metrics", host, Settings())
    listener, url = listen(host, port)
    config = uvicorn.Config(
        make_asgi_app(registry), http=bounded_http(own_policy()), access_log=False, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="metrics", daemon=True)
    thread.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{what} ready on {url}/metrics", flush=True)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        server.should_exit = True
        thread.join(5)
