import assert from "node:assert/strict";
import { test } from "node:test";
import { dayBounds, parties } from "../../static/console/calls_route.js";

test("a day goes from its midnight to the next one, the days of the clock change too", () => {
  const { from, before } = dayBounds("2026-11-23");
  assert.equal(new Date(from).getHours(), 0);
  assert.equal(new Date(before).getDate(), 24);
  assert.equal(new Date(dayBounds("2026-12-31").before).getFullYear(), 2027);
  for (const day of ["", "x", "2026-1-1", "23.11.2026"]) assert.equal(dayBounds(day), null);
});

test("who called whom: nothing known is null", () => {
  assert.deepEqual(parties({ caller_name: "", caller_number: null, dialled_name: "Anna", dialled: "101" }), {
    caller: { name: null, number: null }, called: { name: "Anna", number: "101" },
  });
});
