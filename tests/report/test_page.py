"""A page runs its own two scripts and no other, asks for nothing, and takes names for text."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from hypothesis import given
from hypothesis import strategies as st
from pages import HOSTILE

from pixelkit.report.page import json_block, plotly_source, policy


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_data_cannot_leave_their_block_and_come_back_the_same(value: object) -> None:
    text = str(json_block(value))
    assert not re.search("[<>&]", text)
    assert json.loads(text) == value


def test_what_would_end_a_script_element_is_not_in_plotly() -> None:
    source = plotly_source()
    assert source.startswith("/**\n* plotly.js v")
    assert "</script" not in source.lower()
    assert "<!--" not in source
    assert "\r" not in source


def test_the_policy_names_the_scripts_by_their_hashes() -> None:
    digest = base64.b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert policy(["let a = 1;"], served=False) == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"base-uri 'none'; form-action 'none'"
    )
    assert "img-src data: 'self'" in policy([], served=True)


def test_a_hostile_name_is_escaped_in_the_file(written_text: str) -> None:
    assert HOSTILE not in written_text
    assert "&lt;img src=x onerror=alert(1)&gt;" in written_text


def test_the_file_holds_no_address_to_fetch(written_text: str) -> None:
    own, _, _ = written_text.partition('<script type="text/plain" id="plotly">')
    assert not re.findall(
        r"""(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+""", own.replace("src=x onerror", "")
    )
    assert "url(" not in own
    assert "@import" not in own
