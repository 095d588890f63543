import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Over from "../support/Over.js"
import { startSocketServer } from "../support/SocketServer.js"
import type { WireClient } from "../support/WireClient.js"

/** Kernels buffer megabytes for a socket that is not read, so the floods are larger. */
const pad = "x".repeat(30_000)
const flood = (to: string, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${to}: ${from + i} ${pad}\n`).join("")

/** The numbers of a sender's flood among these lines. */
const numbers = (lines: ReadonlyArray<string>, sender: string) =>
  lines.flatMap((line) => {
    const head = `from ${sender}: `
    return line.startsWith(head) && line.endsWith(pad) ? [Number.parseInt(line.slice(head.length), 10)] : []
  })

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** How many lines these `undelivered` lines return. Requires `retry=` exactly where sending again may help. */
const returned = (lines: ReadonlyArray<string>, name: string, reason: string) => {
  let sum = 0
  for (const line of lines) {
    const found = new RegExp(`^! undelivered ${name} reason=${reason}( retry=\\d+)?(?: count=(\\d+))?: `).exec(line)
    if (found === null) continue
    assert.strictEqual(found[1] !== undefined, reason === "busy", line)
    sum += Number(found[2] ?? 1)
  }
  return sum
}

const small = { outboxLines: 1_000, outboxBytes: 200_000 }

/** Two clients that talk to each other in turn. */
const rounds = (one: WireClient, other: WireClient, count: number) =>
  Effect.gen(function* () {
    for (let round = 0; round < count; round++) {
      yield* one.send(`${other.name}: ping ${round}\n`)
      yield* other.expect(`from ${one.name}: ping ${round}`)
      yield* other.send(`${one.name}: pong ${round}\n`)
      yield* one.expect(`from ${other.name}: pong ${round}`)
    }
  })

const reads = (client: WireClient, lines: number) =>
  client.until(`${lines} lines`, () => (client.lines.length >= lines ? true : undefined))

/** Holds senders longer than any test takes. */
const patientServer = startSocketServer({ ...small, holdTimeout: Duration.seconds(20) })

/** Jams a recipient that takes nothing soon, and closes it soon after. */
const hastyServer = startSocketServer({
  ...small,
  holdTimeout: Duration.millis(200),
  stallTimeout: Duration.millis(600)
})

describe("flow control", () => {
  it.scopedLive("slows a sender to the speed of its recipient, without other clients noticing", () =>
    Effect.gen(function* () {
      const server = yield* patientServer
      const slow = yield* server.join("slow")
      const sender = yield* server.join("sender")
      const carol = yield* server.join("carol")
      const dave = yield* server.join("dave")
      yield* slow.pause
      yield* sender.send(flood("slow", 0, 1_000))
      // The server stops reading from the sender, so bytes pile up in the sender's process.
      yield* server.held(sender)
      assert.isAbove(sender.untaken, 1_000_000)
      const { inFlight } = yield* server.ledger
      assert.isBelow(inFlight * pad.length, 2 * small.outboxBytes)
      yield* rounds(carol, dave, 50)
      assert.deepStrictEqual(sender.lines, [], "it is held, and not refused")
      // Other clients are held as well, but only when they address the slow recipient.
      yield* carol.send("dave: not held\nslow: held\n")
      yield* dave.expect("from carol: not held")
      yield* slow.resume
      yield* reads(slow, 1_001)
      assert.deepStrictEqual(numbers(slow.lines, "sender"), range(1_000))
      yield* sender.barrier
      yield* carol.barrier
    })
  )

  it.scopedLive("holds the senders to a recipient that takes nothing for the hold timeout, once", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        ...small,
        holdTimeout: Duration.millis(300),
        stallTimeout: Duration.seconds(20)
      })
      const slow = yield* server.join("slow")
      const sender = yield* server.join("sender")
      yield* slow.pause
      const began = performance.now()
      yield* sender.send(flood("slow", 0, 800))
      yield* sender.until("a line", () => (sender.lines.length > 0 ? true : undefined))
      const heldFor = performance.now() - began
      assert.isAtLeast(heldFor, 290)
      yield* sender.send("/ping all told\n")
      const told = yield* sender.takeUntil("* pong: all told")
      const busy = returned(told, "slow", "busy")
      assert.isAbove(busy, 0)
      // Once the recipient is jammed, the answer is immediate.
      const asked = performance.now()
      yield* sender.send("slow: still there?\n")
      yield* sender.expect("! undelivered slow reason=busy retry=1000")
      assert.isBelow(performance.now() - asked, 200)
      // It reads again: queued lines arrive, and so do new ones.
      yield* slow.resume
      yield* reads(slow, 800 - busy)
      assert.deepStrictEqual(numbers(slow.lines, "sender"), range(800 - busy))
      slow.lines.splice(0)
      yield* slow.barrier
      yield* sender.send("slow: welcome back\n")
      yield* slow.expect("from sender: welcome back")
      yield* sender.barrier
    })
  )

  it.scopedLive("closes a recipient that takes nothing for the stall timeout, and returns its queue", () =>
    Effect.gen(function* () {
      const server = yield* hastyServer
      const slow = yield* server.join("slow")
      const senders = yield* Effect.forEach(["s1", "s2"], server.join)
      const bystander = yield* server.join("bystander")
      yield* slow.pause
      for (const sender of senders) yield* sender.send(flood("slow", 0, 400))
      assert.strictEqual((yield* server.farewell("slow"))["reason"], "slow-consumer")
      assert.strictEqual(server.closings("slow-consumer"), 1)
      // Lines that the kernel had taken still arrive, and every other line was returned to its own sender.
      yield* slow.resume
      assert.strictEqual(yield* slow.closed, Over.endWithinWrite)
      let queued = 0
      for (const sender of senders) {
        yield* sender.send("/ping all told\n")
        const told = yield* sender.takeUntil("* pong: all told")
        const received = numbers(slow.lines, sender.name)
        const slowly = returned(told, "slow", "slow")
        queued += slowly
        assert.strictEqual(
          received.length + slowly + returned(told, "slow", "busy") + returned(told, "slow", "offline"),
          400
        )
        assert.deepStrictEqual(received, range(received.length))
      }
      // Memory never held more than the queue's limit and one read.
      assert.isAbove(queued, 0)
      assert.isBelow(queued * pad.length, small.outboxBytes + 65_536 + pad.length)
      yield* bystander.barrier
    })
  )

  it.scopedLive("never closes a reader that is slow but keeps reading, and delivers everything", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        ...small,
        holdTimeout: Duration.millis(400),
        stallTimeout: Duration.millis(600)
      })
      const slow = yield* server.join("slow")
      const sender = yield* server.join("sender")
      yield* slow.pause
      const count = 800
      yield* sender.send(flood("slow", 0, count))
      const began = performance.now()
      // It is slow: it reads at most a megabyte, and then pauses.
      while (slow.lines.length < count) {
        const next = slow.bytesReceived + 1_000_000
        yield* slow.resume
        yield* slow.until("a megabyte", () =>
          slow.bytesReceived >= next || slow.lines.length >= count ? true : undefined
        )
        yield* slow.pause
        yield* Effect.sleep(60)
      }
      assert.isAbove(performance.now() - began, 1_200)
      assert.deepStrictEqual(numbers(slow.lines, "sender"), range(count))
      assert.deepStrictEqual(sender.lines, [])
      slow.lines.splice(0)
      yield* slow.resume
      yield* slow.barrier
    })
  )

  it.scopedLive("stops reading from a client that floods itself without reading, and closes it in the end", () =>
    Effect.gen(function* () {
      const server = yield* hastyServer
      const carol = yield* server.join("carol")
      const dave = yield* server.join("dave")
      const self = yield* server.join("self")
      yield* self.pause
      yield* self.send(flood("self", 0, 1_000))
      yield* rounds(carol, dave, 20)
      const { bytesIn, bytesOut, reason } = yield* server.farewell("self")
      assert.strictEqual(reason, "slow-consumer")
      // Memory is bounded by the queue and one read: the server has read no more.
      assert.isBelow(Number(bytesIn) - Number(bytesOut), 2 * small.outboxBytes + 2 * 65_536 + pad.length)
      yield* rounds(carol, dave, 20)
    })
  )

  it.scopedLive("stops reading from a client that never reads its answers, and closes it in the end", () =>
    Effect.gen(function* () {
      const server = yield* hastyServer
      const asker = yield* server.join("asker")
      const carol = yield* server.join("carol")
      yield* asker.pause
      yield* asker.send(`/ping ${pad}\n/who\n/help\nnobody: hi\nbad\n`.repeat(700))
      const { bytesIn, bytesOut, reason } = yield* server.farewell("asker")
      assert.strictEqual(reason, "slow-consumer")
      assert.isBelow(Number(bytesIn) - Number(bytesOut), 2 * small.outboxBytes + 2 * 65_536 + pad.length)
      yield* carol.barrier
    })
  )

  it.scopedLive("closes two clients that flood each other without reading, without others noticing", () =>
    Effect.gen(function* () {
      const server = yield* hastyServer
      const carol = yield* server.join("carol")
      const dave = yield* server.join("dave")
      const one = yield* server.join("one")
      const two = yield* server.join("two")
      for (const client of [one, two]) yield* client.pause
      yield* one.send(flood("two", 0, 1_000))
      yield* two.send(flood("one", 0, 1_000))
      // Of the first to be closed, the other's kernel may take all that was read.
      const feeder = yield* server.join("feeder")
      yield* feeder.send(flood("one, two", 0, 1_000))
      yield* rounds(carol, dave, 20)
      const ends = yield* Effect.forEach([one, two], (client) => server.farewell(client.name))
      for (const { bytesOut, reason } of ends) {
        assert.strictEqual(reason, "slow-consumer")
        assert.isAbove(Number(bytesOut), 0)
      }
      // The client whose recipient jams first is released and gets answers; the other one is not read from.
      assert.isBelow(Math.min(...ends.map(({ bytesIn }) => Number(bytesIn))), 20_000_000)
      yield* rounds(carol, dave, 20)
      assert.strictEqual(server.closings("slow-consumer"), 2)
    })
  )

  it.scopedLive("delivers what a held sender sent before it broke off, and keeps other senders held", () =>
    Effect.gen(function* () {
      const server = yield* patientServer
      const slow = yield* server.join("slow")
      const held = yield* server.join("held")
      const other = yield* server.join("other")
      yield* slow.pause
      yield* held.send(flood("slow", 0, 1_000))
      yield* other.send("slow: also held\n")
      yield* server.held(held)
      yield* held.reset
      yield* slow.resume
      yield* slow.until("the other's line", () => (slow.lines.includes("from other: also held") ? true : undefined))
      yield* other.barrier
      const { bytesIn, reason } = yield* server.farewell("held")
      assert.strictEqual(reason, "connection-lost")
      // Every line whose LF the server has read is accepted, and arrives.
      let bytes = "held\nheld: barrier 1\n".length
      let accepted = -1
      for (; bytes <= Number(bytesIn); accepted++) bytes += flood("slow", accepted + 1, 1).length
      yield* reads(slow, accepted + 1)
      assert.deepStrictEqual(numbers(slow.lines, "held"), range(accepted))
      slow.lines.splice(0)
      yield* slow.barrier
    })
  )

  it.scopedLive.skipIf(Over.isWebSocket)(
    "delivers all lines of a held sender that shuts down its sending side, including a last one without LF",
    () =>
      Effect.gen(function* () {
        const server = yield* patientServer
        const slow = yield* server.join("slow")
        const held = yield* server.join("held")
        yield* slow.pause
        yield* held.send(`${flood("slow", 0, 500)}nobody: hi\nslow: last words`)
        yield* held.end
        yield* server.held(held)
        yield* slow.resume
        yield* reads(slow, 501)
        assert.deepStrictEqual(numbers(slow.lines, "held"), range(500))
        assert.strictEqual(slow.lines.at(-1), "from held: last words")
        yield* held.expect("! undelivered nobody reason=offline")
        assert.deepStrictEqual(yield* held.rest, [])
      })
  )

  it.scopedLive("releases a held sender whose recipient leaves, and returns its undelivered lines", () =>
    Effect.gen(function* () {
      const server = yield* patientServer
      const slow = yield* server.join("slow")
      const held = yield* server.join("held")
      yield* slow.pause
      yield* held.send(`${flood("slow", 0, 500)}/ping all told\n`)
      yield* server.held(held)
      yield* slow.reset
      const told = yield* held.takeUntil("* pong: all told")
      assert.isAbove(returned(told, "slow", "disconnected"), 0)
      assert.isAbove(returned(told, "slow", "offline"), 0)
      const { accepted, written } = yield* server.ledger
      assert.strictEqual(returned(told, "slow", "disconnected") + returned(told, "slow", "offline"), accepted - written)
      yield* held.barrier
    })
  )

  it.scopedLive("does not close a client that does not read if nothing is queued for it", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        ...small,
        holdTimeout: Duration.millis(50),
        stallTimeout: Duration.millis(100)
      })
      const quiet = yield* server.join("quiet")
      const alice = yield* server.join("alice")
      yield* quiet.pause
      yield* alice.send("quiet: one\n")
      yield* Effect.sleep(400) // well beyond the stall timeout
      yield* alice.send("quiet: two\n")
      yield* alice.barrier
      yield* quiet.resume
      yield* quiet.expect("from alice: one", "from alice: two")
      yield* quiet.barrier
    })
  )
})
