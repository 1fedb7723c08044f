import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isEmergency } from "../../static/phone/emergency.js";
import { telFrom } from "../../static/phone/tel_link.js";

const STATIC = new URL("../../static/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.webmanifest", STATIC), "utf8"));

test("the manifest's icons are there and as large as it says", () => {
  for (const { src, sizes, type } of manifest.icons) {
    const file = readFileSync(new URL(src.replace("{{assets}}/", ""), STATIC));
    if (type !== "image/png") continue;
    assert.equal(`${file.readUInt32BE(16)}x${file.readUInt32BE(20)}`, sizes, src);
  }
  for (const size of ["192x192", "512x512"]) assert.ok(manifest.icons.some((icon) => icon.sizes === size && !icon.purpose));
});

test("the page can be installed and is offered tel: links", () => {
  assert.equal(manifest.display, "standalone");
  assert.equal(manifest.start_url, "/");
  assert.deepEqual(manifest.protocol_handlers, [{ protocol: "tel", url: "/?tel=%s" }]);
});

test("a tel: link gives its number and nothing else", () => {
  assert.equal(telFrom("?tel=tel%3A%2B49%2030%2F23125-804"), "+493023125804");
  assert.equal(telFrom("?tel=tel%3A102%3Bphone-context%3Dexample.com"), "102");
  assert.equal(telFrom("?tel=tel%3A%2F%2F112"), "112");
  assert.equal(telFrom("?tel=javascript%3Aalert(1)"), null);
  assert.equal(telFrom("?answer=1"), null);
});

test("an emergency number is known with or without the outside prefix, and only exactly", () => {
  const settings = { emergency_pattern: "(?:11[02])|999", outside_prefix: "0" };
  for (const yes of ["112", "110", "0112", "1 1 2", "999"]) assert.ok(isEmergency(yes, settings), yes);
  for (const no of ["1121", "11", "00112", "Anna", "", "+112"]) assert.ok(!isEmergency(no, settings), no);
  assert.ok(!isEmergency("112", {}));
});
