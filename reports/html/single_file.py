"""A report as one HTML file, to send or attach: what lies beside the page is put into it.

The pictures whose pixels are read out stay as they are; maps, differences and artefacts of stages
become WebP.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.json_files import write_atomically

MOST_CASES = 200
"""With more, the file is too large for a browser, and too large to send."""

EXACT = frozenset({"input", "expected", "actual", "baseline"})
"""Whose pixels the viewer reads."""

MOST_BYTES = 1 << 28
"""Of a file that is put into the page."""

SMALL = 16_384
"""Bytes below which a picture is left as it is."""

KINDS = {
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
NOTHING = "'none'"
_STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r'<script src="([^"]+)" defer></script>')
_IMAGE = re.compile(r'(<img src=")([^"]+)(")')
_CHART = re.compile(r'<a href="(charts/[^"]+)">(<img [^>]*>)</a>')
_PICTURE = re.compile(r'"([^"\\]*?\.(?:png|webp|svg))"')
_BLOB = re.compile(r"(?:^|/)blobs/([0-9a-f]{2})/\1[0-9a-f]{62}\.png\Z")
_POLICY = re.compile(r'(http-equiv="Content-Security-Policy" content=")[^"]*(")')


def check_size(cases: int) -> None:
    """Raise UsageError where there are more than MOST_CASES cases: said before anything is
    written.
    """
    if cases > MOST_CASES:
        raise UsageError(
            f"--single-file is for up to {MOST_CASES} cases, and this run has {cases}. Their"
            " pictures would make a file that is too large for a browser. Send the run folder"
            " instead; the report in it needs no server"
        )


def write_single_file(index: Path) -> Path:
    """Write `<folder>.html` beside a report's folder, with everything that the report consists of;
    give its path.
    """
    folder = index.parent
    target = folder.with_name(f"{folder.name}.html")
    text = index.read_text(encoding="utf-8")
    beside = _list_data_files(folder)
    text = _CHART.sub(r"\2", text)  # a click on a picture leads nowhere in a single file
    text = _IMAGE.sub(
        lambda found: f"{found[1]}{make_data_uri(_embed_file(folder, found[2]))}{found[3]}", text
    )
    styles: list[str] = []
    text = _STYLE.sub(lambda found: _embed_style(folder, found[1], styles), text)
    scripts = _SCRIPT.findall(text)
    text = _SCRIPT.sub("", text)
    parts = [
        _with_files(_embed_file(folder, name).read_text(encoding="utf-8"), name, beside)
        for name in scripts
    ]
    hashes: list[str] = []
    inlined = "".join(f"<script>{_hash_script(part, hashes)}</script>\n" for part in parts)
    text = text.replace("</body>", f"{inlined}</body>")
    text = _POLICY.sub(lambda found: f"{found[1]}{_make_policy(styles, hashes)}{found[2]}", text)
    write_atomically(target, text.encode("utf-8"))
    return target


def make_data_uri(path: Path) -> str:
    """A file as a data: URI."""
    return _make_uri(read_file(path, MOST_BYTES), KINDS[path.suffix])


def make_small_uri(path: Path) -> str:
    """A picture as a data: URI, as WebP where that is smaller."""
    data = read_file(path, MOST_BYTES)
    if path.suffix == ".svg" or len(data) < SMALL:
        return make_data_uri(path)
    buffer = io.BytesIO()
    try:
        with Image.open(path, formats=("PNG", "WEBP")) as picture:
            picture.convert(
                "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
            ).save(buffer, "WEBP", quality=84, method=1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return make_data_uri(path)  # as it is: the browser says that it is damaged
    return (
        _make_uri(buffer.getvalue(), KINDS[".webp"])
        if buffer.tell() < len(data)
        else make_data_uri(path)
    )


def _make_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _list_data_files(folder: Path) -> dict[str, str]:
    """Path as a script names it -> data: URI, of everything that scripts load: data of cases, and
    the pictures in it.
    """
    found: dict[str, str] = {}
    for path in [*sorted(folder.glob("cases/*.js")), *sorted(folder.glob("data/viewer.js"))]:
        text = path.read_text(encoding="utf-8")
        said = json.loads(text[text.index("(") + 1 : text.rindex(")")])
        exact = {
            place[0] for kind, place in said.get("pictures", {}).items() if kind in EXACT and place
        }
        for name in dict.fromkeys([*exact, *_PICTURE.findall(text)]):
            if name not in found and _is_ours(folder, name) and _embed_file(folder, name).is_file():
                found[name] = (
                    make_data_uri(_embed_file(folder, name))
                    if name in exact
                    else make_small_uri(_embed_file(folder, name))
                )
        found[path.relative_to(folder).as_posix()] = make_data_uri(path)
    for path in sorted(folder.glob("strips/*.webp")):
        found[path.relative_to(folder).as_posix()] = make_data_uri(path)
    return found


def _is_ours(folder: Path, name: str) -> bool:
    """Whether a name is that of a picture which we wrote: below the report's folder, or among the
    pictures of a run. A foreign text may look like the path of any other.
    """
    return not name.startswith("data:") and (
        _BLOB.search(name) is not None
        or _embed_file(folder, name).resolve().is_relative_to(folder.resolve())
    )


def _embed_file(folder: Path, name: str) -> Path:
    return folder / unquote(html.unescape(name))


def _with_files(text: str, name: str, beside: dict[str, str]) -> str:
    """A script; the one that knows where files lie is told that they are here."""
    if name != "static/dom.js" or not beside:
        return text
    table = json.dumps(beside, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"{text}\neditproof.files = {table};\n"


def _embed_style(folder: Path, name: str, hashes: list[str]) -> str:
    text = _embed_file(folder, name).read_text(encoding="utf-8")
    return f"<style>{_hash_script(text, hashes)}</style>"


def _hash_script(text: str, hashes: list[str]) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
    hashes.append(f"'sha256-{digest}'")
    return text


def _make_policy(styles: list[str], scripts: list[str]) -> str:
    """Ours by their hashes; data: is what we put in."""
    return (
        f"default-src 'none'; img-src data:; style-src {' '.join(styles)}; script-src"
        f" {' '.join([*scripts, 'data:']) if scripts else NOTHING}; worker-src blob:; base-uri"
        " 'none'; form-action 'none'"
    )
