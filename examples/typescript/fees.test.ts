// Run as: understudy run --seed ../world.yaml -- npm test
import assert from "node:assert/strict";
import test from "node:test";

const { Client } = (await import(process.env.FEES_CLIENT ?? "./fees.js")) as typeof import("./fees.js");

function variable(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const client = new Client({
  gorules: variable("GORULES_URL"), gorulesToken: variable("GORULES_TOKEN"),
  datafold: variable("DATAFOLD_HOST"), datafoldKey: variable("DATAFOLD_API_KEY"), pause: 50,
});

test("small orders pay for shipping", async () => {
  assert.equal(await client.fee(50), 4.9);
});

test("the migration keeps the orders", async () => {
  assert.ok(await client.same(1, "orders", "orders_migrated"));
});
