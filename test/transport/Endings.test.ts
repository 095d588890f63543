import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Endings } from "../../src/transport/Endings.js"
import { turns } from "../support/Turns.js"

const range = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Reports ends, each of which notes its number. */
const endingsOf = (ended: Array<number>) => {
  const endings = new Endings()
  return (number: number) => endings.report(() => ended.push(number))
}

describe("the ends of connections", () => {
  it("are reported immediately while they are few", () => {
    const ended: Array<number> = []
    range(32).forEach(endingsOf(ended))
    assert.deepStrictEqual(ended, range(32))
  })

  it.live("are reported 32 in each turn of the event loop, in order, those that come later included", () =>
    Effect.gen(function* () {
      const ended: Array<number> = []
      const end = endingsOf(ended)
      range(70).forEach(end)
      assert.deepStrictEqual(ended, range(32))
      yield* turns(1)
      assert.deepStrictEqual(ended, range(64))
      end(70)
      assert.deepStrictEqual(ended, range(64), "it waits for those before it")
      yield* turns(1)
      assert.deepStrictEqual(ended, range(71))
      yield* turns(1)
      range(33).forEach((index) => end(71 + index))
      assert.deepStrictEqual(ended, range(103), "a turn in which nothing waits starts anew")
      yield* turns(1)
      assert.deepStrictEqual(ended, range(104))
    })
  )

  it.live("stay in order if one that waited reports another while some still wait", () =>
    Effect.gen(function* () {
      const ended: Array<number> = []
      const endings = new Endings()
      const end = (number: number) => endings.report(() => ended.push(number))
      range(32).forEach(end)
      endings.report(() => {
        ended.push(32)
        end(34)
      })
      end(33)
      yield* turns(1)
      assert.deepStrictEqual(ended, range(35))
    })
  )
})
