from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from tests.web.house import Clock, House, ScriptedPhones, client_of, furnish, parts
from webpbx.store.passwords import Passwords
from webpbx.store.store import Store
from webpbx.web.assets import Assets

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
        "phone/main.js": "import { a } from './part.js';\n"
        "import * as lib from \"lib\";\nconst l = () => import('./lazy.js');",
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


@pytest.fixture
async def house(static: Path) -> AsyncIterator[House]:
    """A whole edge on loopback HTTP."""
    clock = Clock()
    assets = Assets(static)
    passwords = Passwords(memory_kib=8, rounds=1, lanes=1)
    async with await Store.open(None, clock=clock.milliseconds) as store:
        await furnish(store, passwords)
        snapshots = {name: await store.snapshot(name) for name in ("acme", "beta")}
        phones = ScriptedPhones()
        sessions, phone, app = parts(store, passwords, snapshots, assets, clock, phones=phones)
        server = TestServer(app)
        async with client_of(server) as client:
            yield House(store, sessions, phones, phone, clock, assets, app, server, client)
    await passwords.close()
