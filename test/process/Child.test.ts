import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Input from "../../src/client/Input.js"
import * as Child from "../../src/process/Child.js"

const sh = (script: string) =>
  Child.start({ program: "sh", args: ["-c", script], environment: { PATH: process.env["PATH"] ?? "" }, input: "" })

/** How much comes until the end. */
const readAll = ({ output }: Child.Child) =>
  Effect.gen(function* () {
    for (let bytes = 0; ;) {
      const chunk = yield* Effect.orElseSucceed(Input.read(output), () => undefined)
      if (chunk === undefined) return bytes
      bytes += chunk.length
    }
  })

/** A process that holds the output open, and gets no signal of the group. */
const stranger = (program: string) => `trap "" TERM; setsid ${program} &`

describe.concurrent("Child.start", () => {
  it.scopedLive(
    "keeps the output of a program that has ended until it is read, even if another process holds the output open",
    () =>
      Effect.gen(function* () {
        const slow = yield* sh(`${stranger("sleep 60")} head -c 100000 /dev/zero`)
        yield* slow.ended
        const later = yield* sh(`${stranger("sleep 60")} echo hi`)
        assert.strictEqual(yield* readAll(later), 3, "and the deadline of the first one has passed as well")
        assert.strictEqual(yield* readAll(slow), 100_000)
      })
  )

  it.scopedLive("ends the output of a program that has ended even if another process still writes to it", () =>
    Effect.gen(function* () {
      const child = yield* sh(`${stranger("yes")} exit 3`)
      yield* readAll(child)
      assert.deepStrictEqual(yield* child.ended, { status: 3, signal: null })
    })
  )
})
