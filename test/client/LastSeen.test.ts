import { assert, describe, it } from "@effect/vitest"
import { placeOf } from "../../src/client/LastSeen.js"
import * as Received from "../../src/client/Received.js"

describe("placeOf", () => {
  const table: ReadonlyArray<readonly [string, string | undefined]> = [
    ["from bob seq=1 at=2: x", "bob"],
    ["from Bob guest=yes seq=1 at=2: x", "guest:BOB"],
    ["from bob #ops seq=1 at=2: x", "#ops"],
    ["from bob #ops guest=yes seq=1 at=2: x", "#ops"],
    ["* sent #ops seq=1 at=2: x", "#ops"],
    ["* sent bob seq=1 at=2: x", "bob"],
    ["* past #ops bob seq=1 at=2: x", undefined],
    ["from bob: x", undefined],
    ["from bob #ops: x", undefined]
  ]
  for (const [line, conversation] of table) {
    it(`finds the conversation of ${line}`, () => {
      const expected = conversation === undefined ? undefined : { conversation, seq: 1, at: 2 }
      assert.deepStrictEqual(placeOf(Received.parse(line)), expected)
    })
  }
})
