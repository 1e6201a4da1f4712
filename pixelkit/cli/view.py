"""``pixelkit view``: the page of a run with every frame at full size, on this machine only."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from pixelkit.cli.job import FOLDER
from pixelkit.cli.report import find_run, labelled_run, page_options

log = logging.getLogger("pixelkit")


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8017,
    show_default=True,
    help="Of 127.0.0.1; 0 for any that is free.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser; the address is on stdout.")
@page_options
def view(
    run: Path | None,
    port: int,
    no_browser: bool,
    labels: Path | None,
    plugins: tuple[Path, ...],
    cache: Path | None,
    heat: bool,
) -> None:
    """Show RUN (the newest run when not given) in a browser, with every frame at full size, until Ctrl-C.

    It answers this machine only: 127.0.0.1, under this name or localhost. Its address is the line on stdout.
    """
    from pixelkit.cli.messages import show_messages
    from pixelkit.report.footage import find_footage
    from pixelkit.report.report import Options, make_report
    from pixelkit.report.server import PageServer

    show_messages()
    scored = labelled_run(find_run(run), labels)
    footage = find_footage(scored, cache)
    # The server before its page: a port that is in use is told at once.
    with PageServer(footage, port) as server:
        server.show(
            *make_report(scored, footage, Options(served=True, heat=heat, plugins=plugins, cache=cache))
        )
        click.echo(server.address)
        log.info("Ctrl-C ends it")
        if not no_browser:
            import webbrowser

            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("ended")
