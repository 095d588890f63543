import { assert, describe, it } from "vitest"
import type { HookKind } from "../../src/http/HookKind.js"
import * as HookKinds from "../../src/http/HookKinds.js"
import * as Payloads from "../support/HookPayloads.js"

const lineFor = (kind: HookKind, payload: unknown, headers = {}) =>
  HookKinds.lineFor({ kind, template: undefined }, headers, payload)

describe("The line of a webhook", () => {
  for (const { event, kind, line, payload } of Payloads.events) {
    it(`of ${kind} ${event}`, () => {
      assert.strictEqual(lineFor(kind, payload, { "x-github-event": event }), line)
    })
  }

  it("is empty for an event that is not in the table", () => {
    assert.strictEqual(lineFor("github", { action: "labeled" }, { "x-github-event": "pull_request" }), "")
    assert.strictEqual(lineFor("github", { zen: "x" }, { "x-github-event": "star" }), "")
    assert.strictEqual(lineFor("github", {}), "")
    assert.strictEqual(lineFor("gitlab", { object_kind: "pipeline", object_attributes: { status: "running" } }), "")
    assert.strictEqual(lineFor("gitlab", null), "")
    assert.strictEqual(lineFor("alertmanager", []), "")
  })
})
