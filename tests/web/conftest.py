from pathlib import Path

import pytest

INDEX = """<!doctype html><html><head>
<script type="importmap" nonce="{{nonce}}">{"imports": {"lib": "{{assets}}/vendor/lib.mjs"}}</script>
{{preload}}
<script src="{{assets}}/phone/first.js"></script>
<script type="module" src="{{assets}}/phone/main.js"></script>
</head></html>"""


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A small page: two modules, a library, a lazy part, a sound, a service worker and a secret beside the folder."""
    folder = tmp_path / "static"
    for name, text in {
        "index.html": INDEX,
        "sw.js": "const PREFIX = '{{assets}}';",
        "manifest.webmanifest": '{"icons": [{"src": "{{assets}}/icon.svg"}]}',
        "phone/first.js": "document.title = 'x';",
        "phone/main.js": "import { a } from './part.js';\nimport * as lib from \"lib\";\nconst l = () => import('./lazy.js');",
        "phone/part.js": "export * from '../shared/deep.js';\nexport const a = 1;",
        "phone/lazy.js": "export const lazy = 1;",
        "shared/deep.js": f"export const deep = '{'x' * 500}';",
        "vendor/lib.mjs": "export const lib = 1;",
        "css/page.css": "body { color: red }" * 20,
        ".hidden": "no",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "sounds").mkdir()
    (folder / "sounds" / "ring.wav").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "secret.key").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret.key")
    return folder
