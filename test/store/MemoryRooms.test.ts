import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Keys from "../../src/ports/StoreLines.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { append, defaults, line } from "../ports/StoreFixtures.js"

describe("rooms of a store in memory", () => {
  it.effect("keep at most their limit of lines, even before retention runs", () =>
    Effect.gen(function* () {
      const store = yield* MemoryStore.make({ ...defaults, keepLines: 3 })
      const room = yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: undefined })
      assert.isDefined(room)
      const key = Keys.ofRoom(room.id)
      yield* store.append(Array.from({ length: 1000 }, () => line(key, undefined, "hi")))
      yield* append(store, line(key, undefined, "the last one"))
      const { bytes, lines } = yield* store.statistics
      const sizes = ["hi", "hi", "the last one"].map((text) => Keys.sizeOf(text.length, line(key, undefined, text)))
      assert.deepStrictEqual([lines, bytes], [3, sizes.reduce((sum, size) => sum + size)])
      const page = yield* store.page({ conversation: room.id, reader: "guest", limit: 9 })
      assert.deepStrictEqual([page.first, page.last, page.lines.map(({ seq }) => seq)], [999, 1001, [999, 1000, 1001]])
    })
  )
})
