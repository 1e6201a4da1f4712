"""Puts a page together: templates, style, scripts and data in one file that asks the network for nothing."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

SCRIPTS = ("page.js", "theme.js", "timeline.js", "charts.js", "moments.js", "viewer.js")


def render(template: str, *, served: bool, **facts: Any) -> str:
    """Return a page as HTML.

    Whatever is put into a template is escaped; scripts run only if they are the two that lie in it, told by their
    hashes, so that the name of a video cannot become one.

    Parameters
    ----------
    template
        A file of ``templates/``.
    served
        The page comes from ``pixelkit view``, and may ask it for frames.
    facts
        What the template names.
    """
    plotly = plotly_source()
    script = "\n".join(
        ["(function () {", '"use strict";', *(_static(name) for name in SCRIPTS), "start();", "})();"]
    )
    return (
        _environment()
        .get_template(template)
        .render(
            policy=policy([script, plotly], served=served),
            style=Markup(_static("page.css")),
            script=Markup(script),
            plotly=Markup(plotly),
            served=served,
            version=version("pixelkit"),
            time=f"{datetime.now():%Y-%m-%d %H:%M}",
            **facts,
        )
    )


def policy(scripts: list[str], *, served: bool) -> str:
    """Return a Content-Security-Policy: no network at all, and no script but these.

    Styles may be inline, since plotly.js writes them.
    """
    hashes = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts
    )
    images = "data: 'self'" if served else "data:"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src {images}; "
        f"base-uri 'none'; form-action 'none'"
    )


def json_block(value: Any) -> Markup:
    """Return a value as JSON that can stand in a script element: ``<``, ``>``, ``&`` and ``'`` are escaped."""
    return htmlsafe_json_dumps(value, separators=(",", ":"), allow_nan=False)


@cache
def plotly_source() -> str:
    """Return plotly.js, as the PyPI package ``plotly`` ships it."""
    from plotly.offline import get_plotlyjs

    # As the parser of a browser hands it on; the hash of the policy is taken of that.
    return str(get_plotlyjs()).replace("\r\n", "\n")


@cache
def _static(name: str) -> str:
    return resources.files("pixelkit.report").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pixelkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json_block": json_block, "count": _count, "score": _score, "share": _share}
    environment.globals["plural"] = _plural
    return environment


def _count(number: int) -> str:
    return f"{number:,}"


def _score(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
