import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const VENDOR = new URL("../../static/vendor/", import.meta.url);
const listed = Object.fromEntries(readFileSync(new URL("SHA512SUMS", VENDOR), "utf8").trim().split("\n")
  .map((line) => line.split("  ").reverse()));

test("every vendored file is listed and has the listed sum", () => {
  const present = readdirSync(VENDOR).filter((name) => name !== "SHA512SUMS").sort();
  assert.deepEqual(present, Object.keys(listed).sort());
  for (const name of present) {
    assert.equal(createHash("sha512").update(readFileSync(new URL(name, VENDOR))).digest("hex"), listed[name], name);
  }
});

test("every package scripts/vendor fetches is pinned and comes with its licence", () => {
  const script = readFileSync(new URL("../../scripts/vendor", import.meta.url), "utf8");
  const packages = [...script.matchAll(/"((?:@[\w-]+\/)?[\w.-]+)@(\d+\.\d+\.\d+)"/g)].map((match) => match[1]);
  assert.ok(packages.length >= 7);
  for (const name of packages) {
    assert.ok(`LICENSE.${name.replace("@", "").replace("/", "-")}` in listed, name);
  }
});
