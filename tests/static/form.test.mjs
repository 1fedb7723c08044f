import assert from "node:assert/strict";
import { test } from "node:test";
import { draftOf, entries, fieldAtFault, isOptional, same, told, wrongs } from "../../static/shared/form.js";
import { destinationName, destinations } from "../../static/shared/destination.js";

const FIELDS = [
  { name: "name", kind: "text", needed: true },
  { name: "id", kind: "text", needed: true, key: true },
  { name: "extension", kind: "text", empty: null, check: (value) => (/^\d*$/.test(value) ? null : { key: "digits" }) },
  { name: "secret", kind: "secret", needed: true },
  { name: "limit", kind: "number", needed: true },
  { name: "trunks", kind: "chosen", from: "trunk_ids", needed: true },
  { name: "hosts", kind: "list" },
  { name: "on", kind: "switch" },
  { name: "only", kind: "text", needed: true, when: (draft) => draft.on },
];
const DEFAULTS = { limit: 30, hosts: [], on: true };
const ROW = { name: "Main", id: "main", extension: null, limit: 5, trunk_ids: ["a", "b"], hosts: ["x", "y:5060"], on: false, only: "" };

test("a new form begins with the defaults, a known row's with its own values, never with a secret", () => {
  assert.deepEqual(draftOf(FIELDS, null, DEFAULTS), {
    name: "", id: "", extension: "", secret: "", limit: "30", trunks: [], hosts: "", on: true, only: "",
  });
  const draft = draftOf(FIELDS, { ...ROW, secret: "leaked" }, {});
  assert.equal(draft.secret, "");
  assert.deepEqual([draft.trunks, draft.hosts, draft.limit], [["a", "b"], "x\ny:5060", "5"]);
});

test("a change tells only what was changed, and keeps a secret that was not typed", () => {
  const before = draftOf(FIELDS, ROW, {});
  assert.deepEqual(told(FIELDS, before, before), {});
  const draft = { ...before, name: " Other ", hosts: "x, z", limit: "7", id: "no", extension: "101" };
  assert.deepEqual(told(FIELDS, draft, before), { name: "Other", hosts: ["x", "z"], limit: 7, extension: "101" });
  assert.deepEqual(told(FIELDS, { ...before, secret: " s " }, before), { secret: " s " });
  assert.deepEqual(told(FIELDS, { ...before, extension: "" }, { ...before, extension: "101" }), { extension: null });
});

test("a new row tells everything that was asked for", () => {
  const draft = { ...draftOf(FIELDS, null, DEFAULTS), name: "M", id: "m", secret: "s", trunks: ["a"], on: false };
  assert.deepEqual(told(FIELDS, draft, null), {
    name: "M", id: "m", extension: null, secret: "s", limit: 30, trunks: ["a"], hosts: [], on: false,
  });
});

test("what is needed and what has another shape is told at its field; what is not asked for is not", () => {
  const draft = { ...draftOf(FIELDS, null, DEFAULTS), extension: "1x", limit: "many" };
  assert.deepEqual(wrongs(FIELDS, draft, true), {
    name: { key: "wrong.needed" }, id: { key: "wrong.needed" }, extension: { key: "digits" }, secret: { key: "wrong.needed" },
    limit: { key: "wrong.number" }, trunks: { key: "wrong.needed" }, only: { key: "wrong.needed" },
  });
  assert.deepEqual(Object.keys(wrongs(FIELDS, { ...draftOf(FIELDS, ROW, {}), id: "" }, false)), []);
});

test("a refusal of the server finds its field, also under the row's own name", () => {
  assert.equal(fieldAtFault(FIELDS, { field: "trunk_ids" }), "trunks");
  assert.equal(fieldAtFault(FIELDS, { fields: ["hosts"] }), "hosts");
  assert.equal(fieldAtFault(FIELDS, { field: "moon" }), "");
  assert.equal(fieldAtFault(FIELDS, {}), "");
});

test("several answers in one field may be parted by commas, spaces or lines", () => {
  assert.deepEqual(entries(" a, b\n c;d "), ["a", "b", "c", "d"]);
  assert.deepEqual(entries("  "), []);
});

test("an answer may be left out when neither the field nor its check needs it", () => {
  const field = (more) => ({ name: "x", kind: "text", ...more });
  const needs = (value) => (value.length === 0 ? { key: "wrong.needed" } : null);
  assert.deepEqual([field({}), field({ needed: true }), field({ check: needs }), field({ kind: "list", check: needs }), field({ kind: "list", check: () => null }),
    field({ kind: "choice" })].map((one) => isOptional(one, {})), [true, false, false, false, true, false]);
});

test("two drafts are the same when every answer is", () => {
  assert.ok(same({ a: ["x"] }, { a: ["x"] }));
  assert.ok(!same({ a: ["x"] }, { a: ["y"] }));
});

test("the picker offers people by name, then services, and keeps what it does not know", () => {
  const people = [{ name: "Ben", extension: "102" }, { name: "Anna", extension: "101" }, { name: "Zoe", extension: null }];
  const groups = destinations({ people, say: (key) => key, chosen: "extension:999" });
  assert.deepEqual(groups.map(({ group }) => group), ["people", "applications", "other"]);
  assert.deepEqual(groups[0].choices.map(({ value }) => value), ["extension:101", "extension:102"]);
  assert.deepEqual(groups[2].choices, [{ value: "extension:999", label: "999" }]);
  assert.equal(destinations({ people, say: (key) => key, chosen: "echo" }).length, 2);
  assert.equal(destinationName("extension:102", people, (key) => key), "Ben · 102");
  assert.equal(destinationName("echo", people, (key) => key), "destination.echo");
  assert.equal(destinationName("extension:300", people, (key) => key), "300");
});
