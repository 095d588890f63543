import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventually } from "../support/Eventually.js"
import { type Linked, linked, type OpenEngine, type TestEngine, withNodesOf } from "./ClusterFixtures.js"

const bytes = (text: string) => Buffer.from(text, "latin1")

/** Sends until it arrives: a frame may be lost. */
const sendUntil = (arrived: () => boolean, send: () => void) =>
  Effect.gen(function* () {
    for (let i = 0; i < 200 && !arrived(); i++) {
      send()
      yield* Effect.sleep("50 millis")
    }
    if (!arrived()) throw new Error("no frame arrives")
  })

/** Three nodes with their links. */
const withLinksOf =
  (open: OpenEngine) =>
  <A, E>(body: (a: Linked, b: Linked, c: Linked, engine: TestEngine) => Effect.Effect<A, E, Scope.Scope>) =>
    withNodesOf(open)((a, b, c, engine) =>
      Effect.flatMap(Effect.all([linked(a), linked(b), linked(c)]), ([a, b, c]) => body(a, b, c, engine))
    )

/** What the links of every layer of the port promise. */
export const linkSuite = (open: OpenEngine) => {
  const withNodes = withNodesOf(open)
  const withLinks = withLinksOf(open)

  describe("link", () => {
    it.scopedLive("carries frames to the node that they are for, in one piece", () =>
      withLinks((a, b, c) =>
        Effect.gen(function* () {
          const frame = "\0\xff\r\n MSG ".repeat(10_000)
          yield* sendUntil(
            () => b.frames.length > 0,
            () => a.link.send("b", bytes(frame))
          )
          assert.strictEqual(b.frames[0], frame)
          assert.deepStrictEqual([a.frames, c.frames], [[], []])
        })
      )
    )

    it.scopedLive("carries the largest frame", () =>
      withLinks((a, b) =>
        Effect.gen(function* () {
          const frame = Buffer.alloc(a.link.maxFrameBytes, "x")
          assert.isAtLeast(frame.length, 64 * 1024)
          yield* sendUntil(
            () => b.frames.length > 0,
            () => a.link.send("b", frame)
          )
          assert.strictEqual(b.frames[0]?.length, frame.length)
        })
      )
    )

    it.scopedLive("carries frames to all other nodes", () =>
      withLinks((a, b, c) =>
        Effect.gen(function* () {
          yield* sendUntil(
            () => b.frames.length > 0 && c.frames.length > 0,
            () => a.link.broadcast(bytes("to all"))
          )
          assert.deepStrictEqual([...new Set([...b.frames, ...c.frames])], ["to all"])
          assert.deepStrictEqual(a.frames, [])
        })
      )
    )

    it.scopedLive("drops frames while the engine is down, and carries them again after it", () =>
      withLinks((a, b, _, engine) =>
        Effect.gen(function* () {
          assert.isTrue(a.link.isUp())
          yield* engine.down
          yield* eventually(() => !a.link.isUp() && !b.link.isUp(), "no node notices it")
          assert.isFalse(a.link.isUp())
          a.link.send("b", bytes("lost"))
          a.link.broadcast(bytes("lost"))
          yield* engine.up
          yield* eventually(() => a.events.includes("up") && b.events.includes("up"), "no node comes back")
          assert.isTrue(a.link.isUp())
          yield* sendUntil(
            () => b.frames.length > 0,
            () => a.link.send("b", bytes("arrives"))
          )
          assert.deepStrictEqual([...new Set(b.frames)], ["arrives"])
          assert.deepStrictEqual([a.events, b.events], [["up"], ["up"]])
        })
      )
    )

    it.scopedLive("reports nothing after its scope", () =>
      withNodes((a, b) =>
        Effect.gen(function* () {
          const sender = yield* linked(a)
          const { frames } = yield* Effect.scoped(linked(b))
          for (let i = 0; i < 5; i++) {
            sender.link.send("b", bytes("late"))
            sender.link.broadcast(bytes("late"))
            yield* Effect.sleep("20 millis")
          }
          assert.deepStrictEqual(frames, [])
        })
      )
    )
  })
}
