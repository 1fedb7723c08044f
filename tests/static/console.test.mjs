import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { areAddresses, areHosts, arePrefixes, isExtension, isLogin, isNumber, longEnough, within } from "../../static/console/checks.js";
import { fieldsOf, NOUNS, nounOf } from "../../static/console/nouns.js";
import { hashOf, idFrom, placeOf } from "../../static/console/route.js";
import { stepsOf } from "../../static/console/setup.js";
import { meaningOf, standing } from "../../static/console/trunk_state.js";
import { countByRoom, usesOf } from "../../static/console/usage.js";
import { draftOf, wrongs } from "../../static/shared/form.js";

const TRUNK = { id: "main", name: "Main", mode: "register", enabled: true, proxies: ["sip.example"], state: { up: true, reason: "Registered." } };
const rows = (...all) => ({ rows: all, fields: {} });
const ANNA = { login: "anna", name: "Anna", extension: "101", role: "admin" };
const WHOLE = {
  user: rows(ANNA, { login: "ben", name: "Ben", extension: "102", role: "user" }),
  trunk: rows(TRUNK),
  number: rows({ number: "+4930555101", trunk_id: "main", destination: "extension:101" }, { number: "+4930555143", trunk_id: "main", destination: "echo" }),
  route: rows({ id: "home", name: "Home", trunk_ids: ["main"] }),
  extension: rows(),
};
const EMPTY = { user: rows(ANNA), trunk: rows(), number: rows(), route: rows(), extension: rows() };
const SETTINGS = { company: { name: "Acme", country: "DE", language: "de" }, shortest_password: 12, countries: ["DE", "001"] };
const context = (nouns) => ({ nouns, settings: SETTINGS, say: (key) => key, country: (code) => code });

test("an address leads to a room and its row, and back, whatever the row is called", () => {
  for (const [room, id] of [["users", null], ["users", "anna@example.com"], ["numbers", "+4930555101"], ["users", "a/b %"]]) {
    assert.deepEqual(placeOf(hashOf(room, id)), { room, id });
  }
  assert.deepEqual(placeOf("#/admin"), { room: "start", id: null });
  assert.deepEqual(placeOf("#/admin/users/%E0%A4%A"), { room: "users", id: "%E0%A4%A" });
  assert.equal(hashOf("start"), "#/admin");
});

test("a new row gets a short id from its name that nobody has", () => {
  assert.equal(idFrom("Provider GmbH & Co.", []), "provider-gmbh-co");
  assert.equal(idFrom("Größe", ["groesse"]), "groesse-2");
  assert.equal(idFrom("日本", []), "line");
  assert.equal(idFrom("New", []), "new-2");
  assert.match(idFrom("x".repeat(200), []), /^x{40}$/);
});

test("the first steps say what is done, what comes next, and what needs a look", () => {
  const stands = (nouns) => stepsOf(nouns).map((step) => step.stand);
  assert.deepEqual(stands(EMPTY), ["next", "later", "later", "later"]);
  assert.deepEqual(stands(WHOLE), ["done", "done", "done", "done"]);
  assert.deepEqual(stands({ ...EMPTY, trunk: WHOLE.trunk }), ["done", "next", "later", "later"]);
  const down = rows({ ...TRUNK, state: { up: false, reason: "No answer from x." } });
  assert.deepEqual(stands({ ...WHOLE, trunk: down }), ["check", "done", "done", "done"]);
});

test("a trunk says whether it is up, and why not", () => {
  const stands = (change) => standing({ ...TRUNK, ...change });
  const down = (...reasons) => stands({ state: { up: false, reason: "As said.", reasons } });
  const silent = (address) => ({ code: "silent", values: { address } });
  assert.equal(stands({}).word, "trunk.registered");
  assert.equal(stands({ mode: "address" }).word, "trunk.reachable");
  assert.equal(stands({ enabled: false, state: null }).tone, "off");
  assert.equal(stands({ state: null }).tone, "wait");
  assert.equal(down({ code: "trying", values: {} }).tone, "wait");
  assert.deepEqual(down({ code: "secret", values: { status: "401" } }),
    { tone: "bad", word: "trunk.down", why: "trunk.why.secret", values: { status: "401" }, more: [] });
  assert.equal(down({ code: "challenge", values: { status: "401" } }).why, "trunk.why.challenge");
  const both = down(silent("a"), silent("b"));
  assert.deepEqual([both.why, both.values, both.more],
    ["trunk.why.silent", { address: "a" }, [{ why: "trunk.why.silent", values: { address: "b" } }]]);
});

test("a reason that the page has no words for is shown as the switch says it", () => {
  for (const reasons of [undefined, [], [{ code: "moon", values: {} }], [{ code: "other", values: {} }]]) {
    const { why, values, more } = standing({ ...TRUNK, state: { up: false, reason: "The moon is full.", reasons } });
    assert.deepEqual([why, values, more], ["trunk.why.other", { reason: "The moon is full." }, []]);
  }
});

test("every reason of the switch's has words in both languages, with values that it gives", () => {
  const values = { silent: ["address"], name: ["name"], connection: ["transport", "address", "words"], closed: ["address"], refuses_sip: ["address", "status"],
    unaskable: ["address", "words"], secret: ["status"], no_secret: ["status"], challenge: ["status"], realm: ["status", "realm", "ours"], refused: ["status", "words"],
    not_answering: ["words"], not_listening: ["words"], taken_away: ["words"], fails: ["words"], unsent: ["words"] };
  for (const language of ["en", "de"]) {
    const catalog = JSON.parse(readFileSync(new URL(`../../static/shared/i18n/console.${language}.json`, import.meta.url), "utf8"));
    for (const [code, given] of Object.entries(values)) {
      const reasons = [{ code, values: {} }];
      const { why } = standing({ ...TRUNK, state: { up: false, reason: "", reasons } });
      assert.equal(why, `trunk.why.${code}`);
      for (const [, place] of catalog[why].matchAll(/\{(\w+)\}/g)) assert.ok(given.includes(place), `${language} ${why} ${place}`);
    }
  }
});

test("any answer but trouble of its own shows that a provider is there", () => {
  assert.deepEqual([null, 200, 401, 404, 501, 503].map(meaningOf),
    ["ask.silent", "ask.there", "ask.there_unwilling", "ask.there_unwilling", "ask.there_unwilling", "ask.trouble"]);
});

test("what needs a row is named before it is removed", () => {
  assert.deepEqual(usesOf("user", ANNA, WHOLE).map((use) => use.label), ["+4930555101"]);
  assert.deepEqual(usesOf("user", { ...ANNA, extension: null }, WHOLE), []);
  assert.deepEqual(countByRoom(usesOf("trunk", TRUNK, WHOLE)), { numbers: 2, routes: 1 });
  assert.deepEqual(usesOf("number", WHOLE.number.rows[0], WHOLE), []);
});

test("each check takes what people write and refuses what the server would", () => {
  assert.equal(isExtension("101"), null);
  assert.deepEqual(isExtension("12345"), { key: "wrong.extension" });
  assert.equal(isLogin("anna@example.com"), null);
  assert.ok(isLogin("Anna"));
  assert.equal(isNumber("+49 (30) 23125-000"), null);
  assert.ok(isNumber("call me"));
  assert.equal(areHosts(["sip.example.com:5060", "192.0.2.1", "[2001:db8::1]:5061"]), null);
  assert.deepEqual(areHosts(["a b", "sip_x"]).values, { value: "a b" });
  assert.equal(areAddresses(["203.0.113.0/28", "sip.example"]), null);
  assert.ok(areAddresses(["x/y"]));
  assert.equal(arePrefixes(["+4930"]), null);
  assert.ok(arePrefixes(["0049"]));
  assert.deepEqual(within(1, 5)("6"), { key: "wrong.range", values: { lowest: 1, highest: 5 } });
  assert.equal(longEnough(12)(""), null);
  assert.ok(longEnough(12)("short"));
});

test("a trunk asks for a secret when it signs in, and for addresses when it does not", () => {
  const fields = nounOf("trunks").fields(context(WHOLE));
  const draft = (mode) => ({ ...draftOf(fields, null, { mode, proxies: [], codecs: ["PCMA"], country: "DE", max_calls: 30, ring_limit: 180, qualify_interval: 30, register_expires: 300 }), transport: "udp" });
  assert.deepEqual(Object.keys(wrongs(fields, draft("register"), true)).sort(), ["name", "proxies", "secret", "username"]);
  assert.deepEqual(Object.keys(wrongs(fields, draft("address"), true)).sort(), ["addresses", "name", "proxies"]);
});

test("a form asks only for what the server knows", () => {
  const nouns = { ...WHOLE, trunk: { rows: [], fields: { name: "", proxies: [], dtmf: "rfc4733" } } };
  assert.deepEqual(fieldsOf(nounOf("trunks"), context(nouns)).map((field) => field.name), ["name", "proxies", "dtmf"]);
});

test("every field, choice and room of every form has its words", () => {
  const words = JSON.parse(readFileSync(new URL("../../static/shared/i18n/console.en.json", import.meta.url), "utf8"));
  const wanted = NOUNS.flatMap((noun) => [
    `room.${noun.room}`, `intro.${noun.room}`, `none.${noun.room}`, `add.${noun.noun}`, `save.${noun.noun}`,
    `said.added.${noun.noun}`, `remove.means.${noun.noun}`,
    ...noun.columns.map((column) => `column.${column}`),
    ...noun.fields(context({ ...WHOLE, trunk: { rows: [TRUNK], fields: { srtp: "" } } })).flatMap((field) => [
      `field.${noun.noun}.${field.name}`, `help.${noun.noun}.${field.name}`,
      ...(field.label || field.kind === "destination" ? [] : (field.choices ?? []).map((choice) => `choice.${field.name}.${choice || "none"}`)),
    ]),
  ]);
  assert.deepEqual(wanted.filter((key) => !(key in words)), []);
});

test("a list tells of its rows in words", () => {
  const told = (room, row) => {
    const noun = nounOf(room);
    return noun.columns.map((column) => noun.cell(row, column, context(WHOLE)));
  };
  assert.deepEqual(told("users", ANNA), ["101", "anna", "role.admin"]);
  assert.deepEqual(told("numbers", WHOLE.number.rows[0]), ["Anna · 101", "Main"]);
  assert.deepEqual(told("routes", { countries: ["DE"], prefixes: ["+4312"], trunk_ids: ["main", "gone"], priority: 0 }), ["DE, +4312", "Main, gone", "0"]);
});

test("a telephone says whether it is registered and from where, and its secret this once", () => {
  const noun = nounOf("telephones");
  const row = { enabled: true, registered: true, from: ["192.0.2.7:5060 UDP"] };
  assert.deepEqual(noun.standing(row).values, { from: "192.0.2.7:5060 UDP" });
  assert.equal(noun.standing({ ...row, registered: false }).word, "device.away");
  assert.equal(noun.standing({ ...row, enabled: false }).word, "device.off");
  const told = noun.once({ username: "k7f3-101", secret: "s", realm: "webpbx" }, { ...context(WHOLE), settings: { ...SETTINGS, sip_port: 5062 }, host: "pbx.example" });
  assert.deepEqual(told.map(([, value]) => value), ["pbx.example:5062", "k7f3-101", "s", "webpbx"]);
});

test("an extension of a person opens the person", () => {
  const noun = nounOf("extensions");
  const nouns = { ...WHOLE, user: rows({ ...ANNA, id: "u1" }) };
  assert.equal(noun.opens({ number: "101", user_id: "u1" }, context(nouns)), "#/admin/users/anna");
  assert.equal(noun.opens({ number: "143", user_id: null }, context(nouns)), null);
  assert.equal(noun.cell({ number: "143", user_id: null, destination: "echo" }, "leads_to", context(nouns)), "destination.echo");
});
