import gzip
import hashlib
import html
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from webpbx.web.errors import ListenFailed, NotFound

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_TYPES: Final[Mapping[str, str]] = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSED: Final = frozenset({".js", ".mjs", ".css", ".html", ".json", ".webmanifest", ".svg", ".txt"})
# Filled in on each answer, so they have no place among the immutable files.
_TEMPLATES: Final = frozenset({"index.html", "sw.js", "manifest.webmanifest"})

_IMPORT: Final = re.compile(r"""(?:^|[\s;}])(?:import|export)\b(?:[^;"'`()]*?\bfrom)?\s*["']([^"'\n]+)["']""")
_MODULE_SCRIPT: Final = re.compile(r"""<script\b(?=[^>]*\btype="module")[^>]*\bsrc="\{\{assets\}\}/([^"]+)"[^>]*>""")
_MAPPED_NAME: Final = re.compile(r""""([^"]+)"\s*:\s*"\{\{assets\}\}/([^"]+)""")


@dataclass(frozen=True)
class Asset:
    """One file as it is sent: bytes, the same bytes under gzip where that is shorter, and its type."""

    body: bytes
    gzipped: bytes | None
    content_type: str


def static_folder(package: Path = _PACKAGE) -> Path:
    """Find the page's files: inside the installed package, or beside it in a checkout; raise ListenFailed."""
    for folder in (package / "static", package.parent / "static"):
        if (folder / "index.html").is_file():
            return folder
    raise ListenFailed(
        f"The page's files are missing: there is no {package / 'static' / 'index.html'}. Install webpbx again."
    )


class Assets:
    """The files of the page, read and compressed once at start, served from memory.

    `/s/<hash>/…` never changes for a given hash, so browsers may keep it for a year; a changed file changes the hash.
    """

    def __init__(self, folder: Path) -> None:
        files = dict(_read(folder))
        self._templates = {name: files.pop(name).decode() for name in _TEMPLATES if name in files}
        self.prefix = f"/s/{_hash_of(files, self._templates)}"
        self._assets = {path: _asset(path, body) for path, body in files.items()}
        index = self._templates.get("index.html", "")
        self.preloaded = tuple(_modules(index, files))
        self._preload = "\n".join(
            f'<link rel="modulepreload" href="{self.prefix}/{html.escape(path)}">' for path in self.preloaded
        )

    def shell(self, *, nonce: str) -> str:
        """Give the page itself, with the nonce of this answer's policy."""
        index = self._template("index.html").replace("{{preload}}", self._preload)
        return index.replace("{{assets}}", self.prefix).replace("{{nonce}}", nonce)

    def _template(self, name: str) -> str:
        try:
            return self._templates[name]
        except KeyError:
            raise NotFound(f"There is no {name} in the page's files.") from None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer `GET /s/<hash>/<path>`: whole, compressed, or the range of bytes that was asked for."""
        asset = self._assets.get(request.match_info["path"])
        if asset is None or f"/s/{request.match_info['hash']}" != self.prefix:
            raise NotFound("This file is not part of the page. Reload the page: it may have been renewed.")
        headers = {
            "Content-Type": asset.content_type,
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        if asset.gzipped is not None:
            headers["Vary"] = "Accept-Encoding"
            if _accepts_gzip(request):
                return web.Response(body=asset.gzipped, headers=headers | {"Content-Encoding": "gzip"})
            return web.Response(body=asset.body, headers=headers)
        return _ranged(request, asset.body, headers | {"Accept-Ranges": "bytes"})

    async def serve_worker(self, _request: web.Request) -> web.StreamResponse:
        """Answer `GET /sw.js`, at the root so that its scope is the whole page."""
        return self._at_root("sw.js", _TYPES[".js"])

    async def serve_manifest(self, _request: web.Request) -> web.StreamResponse:
        """Answer `GET /manifest.webmanifest`."""
        return self._at_root("manifest.webmanifest", _TYPES[".webmanifest"])

    def _at_root(self, name: str, content_type: str) -> web.Response:
        text = self._template(name).replace("{{assets}}", self.prefix)
        return web.Response(body=text.encode(), headers={"Content-Type": content_type, "Cache-Control": "no-cache"})


def _read(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and path.resolve().is_relative_to(folder.resolve()):
            yield name, path.read_bytes()


def _hash_of(files: Mapping[str, bytes], templates: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, body in sorted([*files.items(), *((name, text.encode()) for name, text in templates.items())]):
        digest.update(f"{len(name.encode())}:{name}{len(body)}:".encode())
        digest.update(body)
    return digest.hexdigest()[:16]


def _asset(path: str, body: bytes) -> Asset:
    suffix = posixpath.splitext(path)[1].lower()
    gzipped = gzip.compress(body, mtime=0) if suffix in _COMPRESSED else None
    if gzipped is not None and len(gzipped) >= len(body):
        gzipped = None
    return Asset(body, gzipped, _TYPES.get(suffix, "application/octet-stream"))


def _modules(index: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield every module that the page's scripts import, directly or not, without the lazy `import()` ones."""
    names = dict(_MAPPED_NAME.findall(index))
    waiting: list[str] = [posixpath.normpath(path) for path in _MODULE_SCRIPT.findall(index)]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        if path in seen or path not in files:
            continue
        seen.add(path)
        yield path
        for name in _IMPORT.findall(files[path].decode(errors="replace")):
            if name.startswith("."):
                waiting.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
            elif name in names:
                waiting.append(posixpath.normpath(names[name]))


def _accepts_gzip(request: web.Request) -> bool:
    for coding in request.headers.get("Accept-Encoding", "").split(","):
        name, _, quality = coding.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _ranged(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """Answer one range of bytes (RFC 9110 §14.2): media players ask for it."""
    try:
        asked = request.http_range
    except ValueError:
        asked = slice(None)
    if asked.start is None and asked.stop is None:
        return web.Response(body=body, headers=headers)
    start, stop, _ = asked.indices(len(body))
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
    content_range = f"bytes {start}-{stop - 1}/{len(body)}"
    return web.Response(status=206, body=body[start:stop], headers={**headers, "Content-Range": content_range})
