"""The emergency centre, served."""

from pathlib import Path

import click

from bridge.commands.common import Trouble, config_option, load, plainly


@click.command()
@config_option
def page(config_path: Path) -> None:
    """Serve the page: all clusters at a glance, open incidents, and what can be done about them.

    A process of its own: it reads the ledger and asks the running bridge, which never waits for it. It stays in the foreground,
    and stops at SIGTERM. Where it listens stands in the config, [page].

    \b
    Example:
      quorumbell page -c /etc/quorumbell/quorumbell.toml
    """
    config = load(config_path, secrets=False)
    try:
        import python_multipart  # noqa: F401 - Starlette looks for it when the first form comes
        import starlette  # noqa: F401 - with the others all that the extra brings
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as missing:
        raise Trouble(f"the page needs {missing.name}, which is not installed: install quorumbell[web]") from None
    from bridge.page.serving import CannotServe, serve
    from bridge.serve.logs import set_up_logs
    from bridge.serve.systemd import sd_notify

    set_up_logs(config.bridge.log_level, config.bridge.log_format)
    try:
        with plainly():
            serve(config, lambda: sd_notify("READY=1", f"STATUS=at {config.page.url}"))
    except CannotServe as error:
        raise Trouble(str(error)) from None
