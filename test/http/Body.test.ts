import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { IncomingMessage } from "node:http"
import { PassThrough } from "node:stream"
import * as Body from "../../src/http/Body.js"

/** Reads a body that arrives in these chunks. */
const read = (chunks: ReadonlyArray<Uint8Array>, maxBytes: number) =>
  Effect.gen(function* () {
    const request = Object.assign(new PassThrough(), { headers: {} })
    const asked = {
      request: request as unknown as IncomingMessage,
      response: { writeContinue: () => {} },
      memory: { take: () => true }
    }
    const reading = yield* Effect.fork(Effect.either(Body.read(asked, maxBytes)))
    yield* Effect.yieldNow()
    for (const chunk of chunks) request.emit("data", Buffer.from(chunk))
    request.emit("end")
    return yield* Fiber.join(reading)
  })

describe("the body of a request", () => {
  it.effect("is complete and in order, in chunks of any size, up to its limit", () =>
    Effect.gen(function* () {
      const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251)
      for (const size of [1, 7, 1024, 3000, 10_000]) {
        const count = Math.ceil(bytes.length / size)
        const chunks = Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
        const body = yield* read(chunks, bytes.length)
        assert.strictEqual(body._tag === "Right" && Buffer.compare(body.right, bytes), 0, `chunks of ${size}`)
        const refused = yield* read(chunks, bytes.length - 1)
        assert.strictEqual(refused._tag === "Left" && refused.left.status, 413)
      }
      const empty = yield* read([], 10)
      assert.strictEqual(empty._tag === "Right" && empty.right.length, 0)
    })
  )
})
