import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { workOfLine } from "../../src/chat/Turn.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { pass, startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"
import { uncounted } from "../support/Uncounted.js"

/** A share has room for about ten lines, and a turn for four shares. */
const turnBounds = { work: 40_000, share: 10_000, flushes: 2 }

const range = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Lines with mistakes that differ, so that each has its own reply. */
const mistakes = (count: number) => range(count).map((index) => `/nosuch${index}`)

const messages = ({ received }: MemoryClient) => received.filter((line) => line.startsWith("from "))
const refusals = ({ received }: MemoryClient) => received.flatMap(uncounted).filter((line) => line.startsWith("! "))

/** The number of turns of the event loop until a client has received `count` more lines. */
const turnsFor = (client: MemoryClient, lines: number) =>
  Effect.gen(function* () {
    const { length } = client.received
    let count = 0
    while (client.received.length < length + lines) {
      yield* turns(1)
      count += 1
      assert.isBelow(count, 10_000, "it never arrives")
    }
    return count
  })

describe("a turn of the broker", () => {
  it.scoped("leaves the rest of a large acknowledgement to later turns, and another client's line overtakes it", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds, outboxLines: 10_000 })
      const count = 2_000
      const bob = yield* chat.join("bob")
      bob.say("/hello ack")
      const alice = yield* chat.join("alice")
      alice.say("/hello", ...range(count).map((label) => `@${label} bob: hi`))
      const bystander = yield* chat.join("bystander")
      yield* turnsUntil(
        () => messages(bob).length === count,
        () => "not all lines arrived"
      )
      const outcomes = () => alice.received.filter((line) => line.startsWith("* received @")).length
      bob.say(`/ack ${count}`)
      yield* turnsUntil(
        () => outcomes() > 0,
        () => "there was no outcome"
      )
      bystander.say("bystander: hi")
      assert.isAtMost(yield* turnsFor(bystander, 1), 8)
      assert.isBelow((yield* chat.server.ledger).received, count, "the rest still has to wait")
      yield* turnsUntil(
        () => outcomes() === count,
        () => "not all outcomes came"
      )
    })
  )

  it.scoped("leaves the rest of a flood to later turns, and another client's line overtakes it", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const flooders = yield* Effect.forEach(range(10), (index) => chat.join(`flooder${index}`))
      const bystander = yield* chat.join("bystander")
      for (const flooder of flooders) flooder.say(...mistakes(1_000), "/ping done")
      yield* turns(20)
      for (let round = 0; round < 5; round++) {
        bystander.say(`bystander: ${round}`)
        assert.isAtMost(yield* turnsFor(bystander, 1), 8)
      }
      for (const { received } of flooders) assert.notInclude(received, "* pong: done", "it still has to wait")
      for (const flooder of flooders) {
        yield* turnsUntil(
          () => flooder.received.includes("* pong: done"),
          () => "a flood was handled to its end"
        )
        assert.strictEqual(refusals(flooder).length, 1_000)
      }
    })
  )

  it("counts a byte of a large line three times, because much of its work comes before the turn", () => {
    assert.strictEqual(workOfLine(4_096) - workOfLine(96), 4_000)
    assert.strictEqual(workOfLine(64_096) - workOfLine(4_096), 180_000)
  })

  it.scoped("counts the work of parsing an address, also of one that is refused", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const alice = yield* chat.join("alice")
      // 200 bytes each: 4,000 units, so that ten lines take a turn.
      alice.say(...range(400).map((line) => "a,".repeat(98) + `${1_000 + line}`), "/ping done")
      assert.isAbove(yield* turnsFor(alice, 2), 30)
    })
  )

  it.scoped("is shared: each of several floods has its part of every few turns", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const flooders = yield* Effect.forEach(range(5), (index) => chat.join(`flooder${index}`))
      for (const flooder of flooders) flooder.say(...mistakes(3_000))
      const counts = () => flooders.map(({ received }) => received.length)
      yield* turns(30)
      for (let round = 0; round < 10; round++) {
        const before = counts()
        yield* turns(15)
        const progress = counts().map((count, index) => count - (before[index] ?? 0))
        for (const lines of progress) assert.isAbove(lines, 0, `${progress.join(", ")}`)
      }
      yield* settle
    })
  )

  it.scoped("is followed by another one although nothing happens: what was sent in one piece is all delivered", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const readers = yield* Effect.forEach(range(20), (index) => chat.join(`reader${index}`))
      const sender = yield* chat.join("sender")
      const address = readers.map((_, index) => `reader${index}`).join(", ")
      sender.say(...range(30).map((index) => `${address}: ${index}`), "/ping done")
      yield* turnsUntil(
        () => sender.received.includes("* pong: done"),
        () => "the last line was handled"
      )
      for (const reader of readers) {
        yield* turnsUntil(
          () => messages(reader).length === 30,
          () => `all 30 lines arrived: ${messages(reader).length} did`
        )
        assert.deepStrictEqual(
          messages(reader),
          range(30).map((index) => `from sender: ${index}`)
        )
      }
    })
  )

  it.scoped("makes a client wait for as long as its line has cost, even if that is many shares", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds: { ...turnBounds, share: 1_000, flushes: 100 } })
      yield* Effect.forEach(range(40), (index) => chat.join(`reader${index}`))
      const costly = yield* chat.join("costly")
      const cheap = yield* chat.join("cheap")
      const address = range(40)
        .map((index) => `reader${index}`)
        .join(", ")
      costly.say(...range(60).map(() => `${address}: x`), ...mistakes(1))
      cheap.say(...mistakes(200), "/ping done")
      yield* turnsUntil(
        () => cheap.received.includes("* pong: done"),
        () => "the cheap lines were handled"
      )
      assert.deepStrictEqual(refusals(costly), [], "40 recipients cost more than one mistake")
      yield* turnsUntil(
        () => refusals(costly).length === 1,
        () => "the costly lines were handled"
      )
    })
  )

  it.scoped("releases all held senders, in order, also where it ends between two of them", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds, outboxLines: 16 })
      const sink = yield* chat.join("sink")
      const senders = yield* Effect.forEach(range(40), (index) => chat.join(`sender${index}`))
      sink.socket.pause()
      const pad = "x".repeat(5_000)
      for (const [index, sender] of senders.entries())
        sender.say(...range(5).map((line) => `sink: ${index} ${line} ${pad}`))
      yield* turns(500)
      const { connections } = yield* chat.server.inspect
      assert.isAbove(connections.filter(({ state }) => state === "held").length, 20)
      sink.socket.resume()
      yield* turnsUntil(
        () => messages(sink).length === 200,
        () => `all lines arrived: ${messages(sink).length} did`
      )
      const last = new Map<string, number>()
      for (const line of messages(sink)) {
        const [, sender = "", number] = /^from \S+: (\d+) (\d+) /.exec(line) ?? []
        assert.strictEqual(Number(number), (last.get(sender) ?? -1) + 1, "each sender's lines are in order")
        last.set(sender, Number(number))
      }
    })
  )

  it.scoped("routes to the end what a client had sent before its connection broke", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const bob = yield* chat.join("bob")
      const alice = yield* chat.join("alice")
      // One line by one, since a labelled or a mistaken line is never routed together with others.
      alice.say(...range(300).flatMap((index) => [`bob: ${index}`, `/nosuch${index}`]))
      yield* turns(10)
      alice.socket.destroy()
      yield* turnsUntil(
        () => messages(bob).length === 300,
        () => `all lines arrived: ${messages(bob).length} did`
      )
      assert.strictEqual((yield* chat.server.measure).pairsUnaccounted, 0)
    })
  )

  it.scoped("never loses a line to a shutdown: each is delivered, or refused as closing", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const bob = yield* chat.join("bob")
      const alice = yield* chat.join("alice")
      alice.say(...range(200).flatMap((index) => [`bob: ${index}`, `/nosuch${index}`]))
      yield* turns(10)
      const drain = yield* Effect.fork(chat.server.drain)
      yield* turns(5)
      alice.say(...range(200).flatMap((index) => [`bob: ${200 + index}`, `/nosuch${200 + index}`]))
      while (drain.unsafePoll() === null) yield* pass(10)
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 0)
      const delivered = messages(bob).length
      const replies = refusals(alice)
      assert.strictEqual(ledger.written, delivered)
      assert.strictEqual(delivered + replies.length, 800, "each line was delivered or got its reply")
      assert.isAbove(delivered, 199)
      assert.isAbove(replies.filter((line) => line.startsWith("! closing")).length, 0)
    })
  )

  it.scoped("answers a question about the broker's state after what was reported before, floods aside", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker({}, { turnBounds })
      const flooder = yield* join("flooder")
      flooder.say(...mistakes(500), "/ping done")
      yield* turns(10)
      const { connections } = yield* broker.inspect
      assert.strictEqual(connections.length, 1)
      assert.notInclude(flooder.received, "* pong: done", "the flood continues")
      yield* broker.idle
      yield* turns(3)
      assert.include(flooder.received, "* pong: done")
    })
  )
})

/** The heads of the replies to lines that arrive together. */
const replies = (maxLineBytes: number, ...lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { join } = yield* startMemoryServer({ maxLineBytes })
    const alice = yield* join("alice")
    alice.say("/hello")
    yield* alice.barrier
    const { length } = alice.received
    alice.say(...lines)
    yield* alice.barrier
    return alice.received.slice(length, -1).map((line) => line.slice(0, line.indexOf(":")))
  })

describe("a reply to several lines", () => {
  const cases: ReadonlyArray<readonly [what: string, lines: ReadonlyArray<string>, expected: ReadonlyArray<string>]> = [
    ["counts a run of equal mistakes", ["no colon", "none", "", "?"], ["! bad-line count=4"]],
    ["is without a count for one line", ["no colon"], ["! bad-line"]],
    [
      "is only for lines with the same mistake",
      ["no colon", ": x", "none"],
      ["! bad-line", "! bad-line", "! bad-line"]
    ],
    [
      "is only for the same unknown command",
      ["/a", "/a", "/b", "/a"],
      ["! unknown-command a count=2", "! unknown-command b", "! unknown-command a"]
    ],
    ["counts lines to the same absent name", ["bob: 1", "bob: 2"], ["! undelivered bob reason=offline count=2"]],
    [
      "ends before a line that is delivered",
      ["x", "x", "alice: hi", "x"],
      ["! bad-line count=2", "from alice", "! bad-line"]
    ],
    ["ends before another reply", ["x", "/ping", "x"], ["! bad-line", "* pong", "! bad-line"]],
    [
      "does not count labelled lines",
      ["x", "@1 x", "@1 x", "x"],
      ["! bad-line", "! bad-line @1", "! bad-line @1", "! bad-line"]
    ],
    ["counts '@' without a label", ["@", "@ x"], ["! bad-line count=2"]],
    [
      "counts lines with too many recipients",
      range(3).map(() => `${range(1_001).join()}: x`),
      ["! too-many-recipients max=1000 count=3"]
    ],
    ["counts lines that are too long", range(3).map(() => "x".repeat(10_001)), ["! too-long max=10000 count=3"]]
  ]
  for (const [what, lines, expected] of cases) {
    it.scoped(what, () => Effect.map(replies(10_000, ...lines), (found) => assert.deepStrictEqual(found, expected)))
  }

  it.scoped("has the retry of the last line over the rate", () =>
    Effect.gen(function* () {
      const { connect } = yield* startMemoryServer({ rate: 2 })
      const alice = yield* connect
      alice.say("alice", "alice: hi", ...range(20).map(() => "alice: more"))
      yield* alice.next
      yield* turnsUntil(
        () => alice.received.length > 1,
        () => "the refusal arrived"
      )
      assert.match(alice.received[1] ?? "", /^! slow-down retry=500 count=20: /)
      assert.strictEqual(alice.received.length, 2)
    })
  )
})
