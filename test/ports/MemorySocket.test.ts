import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import * as MemorySocket from "../../src/ports/MemorySocket.js"
import { ignoreEvents } from "../../src/ports/Transport.js"
import { settle, turnsUntil } from "../support/Turns.js"

const sizes = { bufferBytes: 8, readBytes: 8 }

/** A pair whose client has to confirm what it gets, and what the client has read. */
const confirming = () => {
  const [client, accepted] = MemorySocket.pair(sizes, { remote: "a client", needsConfirmation: true }, () => {})
  const seen = { text: "", hasEnded: false }
  accepted.attach(ignoreEvents)
  client.attach({
    data: (bytes) => (seen.text += Buffer.from(bytes).toString("latin1")),
    end: () => (seen.hasEnded = true),
    closed: () => {}
  })
  const read = (text: string) =>
    turnsUntil(
      () => seen.text === text,
      () => seen.text
    )
  return { client, accepted, seen, read }
}

describe("MemorySocket.pair", () => {
  it("gives the accepted end the address, the proven name and the privacy of its client", () => {
    const from = { remote: "192.0.2.1:5000", host: "192.0.2.1", identity: "ci", isPrivate: false }
    const [, { host, identity, isPrivate, remote }] = MemorySocket.pair(sizes, from, () => {})
    assert.deepStrictEqual({ remote, host, identity, isPrivate }, from)
    const [, plain] = MemorySocket.pair(sizes, { remote: "memory:1" }, () => {})
    assert.deepStrictEqual([plain.host, plain.identity, plain.isPrivate], ["", undefined, true])
  })

  it.effect("takes bytes as soon as there is room, unless they have to be confirmed", () =>
    Effect.gen(function* () {
      const [, accepted] = MemorySocket.pair(sizes, { remote: "memory:1" }, () => {})
      assert.isTrue(accepted.write("12345678"))
      const { accepted: careful, client, read } = confirming()
      assert.isFalse(careful.write("12345678"))
      const taken = yield* Effect.fork(careful.taken)
      yield* read("12345678")
      assert.strictEqual(careful.untaken(), 8)
      client.confirm(5)
      assert.strictEqual(careful.untaken(), 3)
      client.confirm(3)
      yield* Fiber.join(taken)
      assert.strictEqual(careful.untaken(), 0)
    })
  )

  it.effect("reports what was not confirmed when the connection breaks", () =>
    Effect.gen(function* () {
      for (const leave of ["reset", "destroy"] as const) {
        const { accepted, client, read } = confirming()
        accepted.write("1234567890")
        const taken = yield* Effect.fork(Effect.either(accepted.taken))
        yield* read("1234567890")
        client.confirm(4)
        client[leave]()
        assert.isTrue(Either.isLeft(yield* Fiber.join(taken)))
        client.confirm(6)
        assert.strictEqual(accepted.untaken(), 6)
      }
    })
  )

  it.effect("ends in order once everything is confirmed", () =>
    Effect.gen(function* () {
      let isReleased = false
      const [client, accepted] = MemorySocket.pair(
        sizes,
        { remote: "a client", needsConfirmation: true },
        () => (isReleased = true)
      )
      let hasEnded = false
      accepted.attach(ignoreEvents)
      client.attach({ data: () => {}, end: () => (hasEnded = true), closed: () => {} })
      accepted.write("bye")
      accepted.end()
      yield* turnsUntil(
        () => hasEnded,
        () => "no end"
      )
      client.end()
      yield* settle
      assert.isFalse(isReleased)
      client.confirm(3)
      yield* turnsUntil(
        () => isReleased,
        () => "not released"
      )
      assert.strictEqual(accepted.untaken(), 0)
    })
  )
})
