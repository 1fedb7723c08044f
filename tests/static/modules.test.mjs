import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const STATIC = new URL("../../static/", import.meta.url);
/** Files that touch the browser, each one interface of it. Views draw; every other file decides and knows no browser. */
const EDGES = new Set([
  "phone/alerts.js", "phone/attachment.js", "phone/devices.js", "phone/dialling.js", "phone/first_paint.js",
  "phone/keys.js", "phone/main.js", "phone/media_keys.js",
  "phone/peer.js", "phone/phone.js", "phone/ringer.js", "phone/socket.js", "phone/sound.js", "phone/tabs.js",
  "shared/api.js", "shared/language.js", "shared/theme.js",
]);
const BROWSER = /\b(window|document|navigator|localStorage|sessionStorage|fetch|location|history|RTCPeerConnection|Notification|AudioContext|HTMLElement|setTimeout|setInterval|addEventListener|BroadcastChannel|crypto|globalThis)\b/;
const paths = ["phone", "console", "shared"].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, STATIC)).filter((name) => name.endsWith(".js")).map((name) => `${folder}/${name}`));
const text = Object.fromEntries(paths.map((path) => [path, readFileSync(new URL(path, STATIC), "utf8")]));
const code = (path) => text[path].replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
const isView = (path) => path.endsWith("_view.js") || ["console/calls_list.js", "console/call_page.js"].includes(path) || path === "shared/html.js" || path === "phone/state.js";
const imports = (path) => [...code(path).matchAll(/^(?:import|export)\s(?:[^;"']*?\sfrom\s)?\s*["']([^"']+)["']/gm)].map((match) => match[1]);

test("a file that decides names nothing of the browser and imports no library", () => {
  const deciding = paths.filter((path) => !EDGES.has(path) && !isView(path));
  assert.ok(deciding.includes("phone/call.js") && deciding.length >= 10);
  for (const path of deciding) {
    assert.equal(BROWSER.exec(code(path))?.[0], undefined, path);
    for (const name of imports(path)) assert.ok(name.startsWith("."), `${path} imports ${name}`);
  }
});

test("only the peer knows RTCPeerConnection and only the socket knows socket.io", () => {
  assert.deepEqual(paths.filter((path) => code(path).includes("new RTCPeerConnection")), ["phone/peer.js"]);
  assert.deepEqual(paths.filter((path) => imports(path).includes("socket.io-client")), ["phone/socket.js"]);
});

test("nothing is written into the page as markup or run from text, and no view sets a style attribute", () => {
  const barred = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\sstyle=/;
  for (const path of paths) assert.equal(barred.exec(code(path))?.[0], undefined, path);
  assert.doesNotMatch(readFileSync(new URL("index.html", STATIC), "utf8"), /\sstyle=|\son\w+=|<style/);
});

test("imports form no cycle and lead to files that are there", () => {
  const done = new Set();
  const visit = (path, trail) => {
    assert.ok(!trail.includes(path), `cycle: ${[...trail, path].join(" → ")}`);
    if (done.has(path)) return;
    for (const name of imports(path).filter((one) => one.startsWith("."))) {
      const next = new URL(name, new URL(path, STATIC)).href.slice(STATIC.href.length);
      assert.ok(next in text, `${path} imports ${next}`);
      visit(next, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of paths) visit(path, []);
});

test("every library a file imports is in the page's import map, and its file is vendored", () => {
  const index = readFileSync(new URL("index.html", STATIC), "utf8");
  const mapped = Object.fromEntries([...index.matchAll(/"([^"]+)":\s*"\{\{assets\}\}\/([^"]+)"/g)].map((match) => [match[1], match[2]]));
  for (const name of new Set(paths.flatMap(imports).filter((one) => !one.startsWith(".")))) {
    assert.ok(mapped[name], name);
    assert.ok(readFileSync(new URL(mapped[name], STATIC)).length > 0);
  }
});

test("the first paint loads fewer than forty modules, libraries among them, and each file stays short", () => {
  const seen = new Set();
  const visit = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const name of path in text ? imports(path) : []) {
      if (!name.startsWith(".")) seen.add(name);
      else visit(new URL(name, new URL(path, STATIC)).href.slice(STATIC.href.length));
    }
  };
  visit("phone/main.js");
  for (const path of paths) {
    assert.ok(text[path].split("\n").length <= 301, `${path} is too long`);
    if (path !== "phone/first_paint.js") assert.ok(text[path].startsWith("// @ts-check"), `${path} is not checked`);
  }
  assert.ok(seen.size < 40, `${seen.size} modules`);
});

test("the shell has each placeholder the server fills, and the nonce on the import map alone", () => {
  const index = readFileSync(new URL("index.html", STATIC), "utf8");
  for (const name of ["{{nonce}}", "{{assets}}", "{{preload}}"]) assert.ok(index.includes(name), name);
  assert.equal(index.match(/nonce=/g).length, 1);
});

test("every icon a view names is in the sprite", () => {
  const sprite = readFileSync(new URL("vendor/icons.svg", STATIC), "utf8");
  const named = paths.filter(isView).flatMap((path) =>
    [...code(path).matchAll(/<\$\{Icon\} name="([\w-]+)"|(?:"|: ")((?:[a-z]+-)*[a-z0-9]+)"(?=[,} ])/g)].map((match) => match[1]).filter(Boolean));
  assert.ok(named.length > 20);
  for (const name of named) assert.ok(sprite.includes(`id="${name}"`), name);
});
