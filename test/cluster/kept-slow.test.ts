import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { passes } from "../support/Conversations.js"
import { startKeptNodes, type KeptNode } from "../support/KeptNodes.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { account, ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

/** A device has room for 512 KiB. */
const longText = "x".repeat(4_000)
const windowLines = 200

const outcomes = (client: MemoryClient, lines: ReadonlyArray<string>) =>
  Effect.map(ask(client, ...lines), (answers) => ({
    stored: answers.filter((line) => line.startsWith("* stored")).length,
    full: answers.filter((line) => line.includes(" reason=full")).length
  }))

const short = (first: string, count = 30) => Array.from({ length: count }, (_, line) => `@${first}${line} bob: ${line}`)
const long = Array.from({ length: windowLines }, (_, line) => `@l${line} bob: ${longText}`)

const given = (client: MemoryClient) => client.received.filter((line) => line.startsWith("from ")).length

const start = Effect.map(
  startKeptNodes(["a", "b"], {
    limits: { unreadLines: 10 },
    server: { stallTimeout: Duration.hours(9), outboxBytes: 2 ** 20 }
  }),
  ({ a, b, cluster }) => ({ a, b, cluster })
)

const bobAt = (node: KeptNode, device = "main") => account(node, `bob/${device}`, "ack")

describe("a device at another node", () => {
  it.scoped("has a sender held to the limit of unread lines only while it takes too little", () =>
    Effect.gen(function* () {
      const { a, b } = yield* start
      const alice = yield* account(a, "alice", "receipts")
      assert.deepStrictEqual(yield* outcomes(alice, short("early")), { stored: 10, full: 20 })
      const bob = yield* bobAt(b)
      yield* settle
      yield* ask(bob, `/ack ${given(bob)}`)
      // It is given all of these, and has acknowledged none.
      assert.deepStrictEqual(yield* outcomes(alice, short("live")), { stored: 30, full: 0 })
      yield* outcomes(alice, long)
      yield* settle
      assert.deepStrictEqual(yield* outcomes(alice, short("slow")), { stored: 0, full: 30 })
      for (let before = -1; before < given(bob);) {
        before = given(bob)
        yield* ask(bob, `/ack ${before}`)
        yield* settle
      }
      yield* passes(2_000)
      assert.deepStrictEqual(yield* outcomes(alice, short("again")), { stored: 30, full: 0 })
    })
  )

  it.scoped("that takes too little is known as such to a node that appears", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* start
      const alice = yield* account(a, "alice", "receipts")
      yield* bobAt(b)
      yield* settle
      yield* outcomes(alice, long)
      yield* settle
      const node = cluster.node("a")
      node.suspend()
      node.rebear()
      node.resume()
      yield* settle
      assert.deepStrictEqual(yield* outcomes(alice, short("slow")), { stored: 0, full: 30 })
    })
  )

  it.scoped("that takes too little does not count for its account where another one reads", () =>
    Effect.gen(function* () {
      const { a, b } = yield* start
      const alice = yield* account(a, "alice", "receipts")
      yield* bobAt(b)
      yield* settle
      yield* outcomes(alice, long)
      yield* settle
      const phone = yield* bobAt(b, "phone")
      yield* ask(phone, "/ping")
      for (let before = -1; before < given(phone);) {
        before = given(phone)
        yield* ask(phone, `/ack ${before}`)
        yield* settle
      }
      assert.deepStrictEqual(yield* outcomes(alice, short("live")), { stored: 30, full: 0 })
    })
  )

  it.scoped("is no longer one that takes too little when another connection has replaced its own", () =>
    Effect.gen(function* () {
      const { a, b } = yield* start
      const alice = yield* account(a, "alice", "receipts")
      const old = yield* bobAt(b)
      yield* settle
      yield* outcomes(alice, long)
      yield* settle
      const next = yield* bobAt(b)
      yield* old.ended
      for (let before = -1; before < given(next);) {
        before = given(next)
        yield* ask(next, `/ack ${before}`)
        yield* settle
      }
      yield* passes(2_000)
      assert.deepStrictEqual(yield* outcomes(alice, short("live")), { stored: 30, full: 0 })
    })
  )
})
