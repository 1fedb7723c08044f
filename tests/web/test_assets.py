from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from webpbx.web.assets import Assets, static_folder
from webpbx.web.errors import ListenFailed, errors_as_json

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def assets(static: Path) -> Assets:
    return Assets(static)


@pytest.fixture
async def client(assets: Assets) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[errors_as_json])
    app.router.add_get("/s/{hash}/{path:.+}", assets.serve)
    app.router.add_get("/sw.js", assets.serve_worker)
    app.router.add_get("/manifest.webmanifest", assets.serve_manifest)
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


def test_the_prefix_changes_with_any_file_and_with_nothing_else(static: Path) -> None:
    before = Assets(static).prefix
    assert Assets(static).prefix == before
    (static / "phone" / "part.js").write_text("export const a = 2;")
    changed = Assets(static).prefix
    assert changed != before
    (static / "index.html").write_text("another {{assets}}")
    assert Assets(static).prefix not in {before, changed}


def test_the_modules_that_the_page_needs_at_once_are_preloaded_and_lazy_ones_are_not(assets: Assets) -> None:
    assert sorted(assets.preloaded) == ["phone/main.js", "phone/part.js", "shared/deep.js", "vendor/lib.mjs"]
    shell = assets.shell(nonce="N0NCE")
    assert f'<link rel="modulepreload" href="{assets.prefix}/shared/deep.js">' in shell
    assert 'nonce="N0NCE"' in shell
    assert "{{" not in shell


async def test_an_asset_is_immutable_and_a_module_has_a_script_type(client: Client, assets: Assets) -> None:
    for path in ("vendor/lib.mjs", "phone/main.js"):
        answer = await client.get(f"{assets.prefix}/{path}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_a_text_is_compressed_for_those_who_take_it(client: Client, assets: Assets, static: Path) -> None:
    plain = await client.get(f"{assets.prefix}/shared/deep.js", headers={"Accept-Encoding": "identity"})
    refused = await client.get(f"{assets.prefix}/shared/deep.js", headers={"Accept-Encoding": "gzip;q=0, br"})
    packed = await client.get(f"{assets.prefix}/shared/deep.js", headers={"Accept-Encoding": "br, gzip"})
    whole = (static / "shared" / "deep.js").read_bytes()
    assert await plain.read() == whole
    assert await refused.read() == whole
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(await packed.read()) < len(whole)
    assert {answer.headers["Vary"] for answer in (plain, packed)} == {"Accept-Encoding"}


async def test_a_sound_can_be_had_in_parts(client: Client, assets: Assets) -> None:
    url = f"{assets.prefix}/sounds/ring.wav"
    whole = bytes(range(256)) * 4
    part = await client.get(url, headers={"Range": "bytes=10-19"})
    tail = await client.get(url, headers={"Range": "bytes=-5"})
    beyond = await client.get(url, headers={"Range": "bytes=5000-"})
    nonsense = await client.get(url, headers={"Range": "lines=1-2"})
    assert (part.status, await part.read()) == (206, whole[10:20])
    assert part.headers["Content-Range"] == "bytes 10-19/1024"
    assert (tail.status, await tail.read()) == (206, whole[-5:])
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */1024")
    assert (nonsense.status, await nonsense.read()) == (200, whole)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.key",
        "%2e%2e/secret.key",
        "..%2fsecret.key",
        "phone/..%2f..%2fsecret.key",
        "%2fetc%2fpasswd",
        "link",
        ".hidden",
        "index.html",
        "sw.js",
        "phone/",
        "phone/main.js%00.css",
        "nothing.js",
    ],
)
async def test_only_the_page_s_own_files_are_served(client: Client, assets: Assets, path: str) -> None:
    from yarl import URL  # noqa: PLC0415 - only here an address must go out as it is written

    answer = await client.get(URL(f"{assets.prefix}/{path}", encoded=True))
    assert answer.status == 404
    assert (await answer.json())["error_id"] == "not_found"


async def test_a_file_under_an_old_hash_is_gone(client: Client) -> None:
    answer = await client.get("/s/0123456789abcdef/phone/main.js")
    assert answer.status == 404


async def test_worker_and_manifest_are_at_the_root_and_asked_for_each_time(client: Client, assets: Assets) -> None:
    worker = await client.get("/sw.js")
    manifest = await client.get("/manifest.webmanifest")
    assert worker.headers["Content-Type"].startswith("text/javascript")
    assert manifest.headers["Content-Type"] == "application/manifest+json"
    for answer in (worker, manifest):
        assert answer.headers["Cache-Control"] == "no-cache"
        assert assets.prefix.encode() in await answer.read()


async def test_a_page_without_a_service_worker_says_so(static: Path) -> None:
    (static / "sw.js").unlink()
    app = web.Application(middlewares=[errors_as_json])
    app.router.add_get("/sw.js", Assets(static).serve_worker)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/sw.js")).status == 404


@pytest.mark.parametrize("place", ["webpbx/static", "static"])
def test_the_page_s_files_are_found_in_the_package_and_beside_it(static: Path, tmp_path: Path, place: str) -> None:
    package = tmp_path / "root" / "webpbx"
    package.mkdir(parents=True)
    (tmp_path / "root" / place).symlink_to(static)
    assert static_folder(package).resolve() == static.resolve()


def test_an_installation_without_the_page_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ListenFailed, match="Install webpbx again"):
        static_folder(tmp_path / "webpbx")
