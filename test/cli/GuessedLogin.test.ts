import { assert, describe, it } from "@effect/vitest"
import * as Identity from "../../src/cli/commands/GuessedLogin.js"
import * as Name from "../../src/protocol/Name.js"

describe("GuessedLogin", () => {
  const cases: ReadonlyArray<readonly [user: string, host: string, expected: string]> = [
    ["alice", "build7", "alice-build7"],
    ["alice", "build7.example.org", "alice-build7"],
    ["Zoë", "büro", "Zoë-büro"],
    ["DOMAIN\\bob smith", "pc", "DOMAIN-bob-smith-pc"],
    ["-x", "", "x"],
    ["..", "-", "guest"],
    ["x".repeat(40), "host", "x".repeat(26)]
  ]
  for (const [user, host, expected] of cases) {
    it(`is ${expected} for ${user} on ${JSON.stringify(host)}`, () => {
      const name = Identity.nameFor(user, host)
      assert.strictEqual(name, expected)
      for (const one of [name, Identity.alternative(name)]) {
        assert.notStrictEqual(Name.parse(Buffer.from(one).toString("latin1")), undefined)
      }
    })
  }

  it("returns a name for the user who runs the tests", () => {
    assert.notStrictEqual(Name.parse(Buffer.from(Identity.guess()).toString("latin1")), undefined)
  })
})
