import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Batch } from "../../src/chat/Batch.js"
import type { MakeFeature } from "../../src/chat/Feature.js"
import { Peer } from "../../src/chat/Peer.js"
import * as Reply from "../../src/protocol/Reply.js"
import { pass, startMemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

/** A room that sends each line back to its sender, and a command whose answer takes 50 ms. */
const echo: MakeFeature = (broker) => {
  const room = broker.outbox("#echo")
  const sendBack = (batch: Batch<Peer>) => () => {
    const lines = batch.text.split("\n")
    batch.senders.forEach((sender, run) => {
      for (const line of lines.splice(0, batch.counts[run])) if (sender instanceof Peer) broker.put(sender, `${line}\n`)
    })
  }
  const write = Effect.gen(function* () {
    const batch = room.ready() ?? (yield* room.next({ go: Effect.succeed, write: Effect.succeed }))
    yield* broker.inTurn(sendBack(batch))
    broker.settled(room, batch, "written")
  })
  return {
    resolvers: [{ resolve: (name) => (name === "#echo" ? { outboxes: [room], suffix: " #echo" } : undefined) }],
    commands: [
      {
        name: "later",
        usage: "/later",
        about: "is answered after 50 ms",
        run: ({ label }) => Effect.delay(Effect.succeed([Reply.pong("later", label)]), Duration.millis(50))
      }
    ],
    run: Effect.forever(write)
  }
}

const start = startMemoryServer({ features: [echo] })

/** A room whose writer takes nothing. */
const stuck: MakeFeature = (broker) => {
  const room = broker.outbox("#stuck")
  return { resolvers: [{ resolve: (name) => (name === "#stuck" ? { outboxes: [room], suffix: "" } : undefined) }] }
}

describe("a feature", () => {
  it.scoped("has recipients of its own, with a writer that is no socket", () =>
    Effect.gen(function* () {
      const { join, server } = yield* start
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      alice.say("#echo: one", "bob, #echo: two", "#other: three", "#echo: four", "/hello", "@k #echo, bob: five")
      yield* settle
      assert.deepStrictEqual(
        bob.received.filter((line) => line.startsWith("from")),
        ["from alice: two", "from alice: five"]
      )
      const [, ...got] = alice.received.filter((line) => !line.startsWith("* hello"))
      assert.sameMembers(got, [
        "from alice #echo: one",
        "from alice #echo: two",
        "from alice #echo: four",
        "from alice #echo: five",
        "! undelivered #other reason=offline: no recipient of that name is online",
        "* written @k #echo: written",
        "* written @k bob: written"
      ])
      const { accepted, inFlight, returned, written } = yield* server.ledger
      assert.deepStrictEqual(
        { accepted, inFlight, returned, written },
        { accepted: 7, inFlight: 0, returned: 1, written: 6 }
      )
    })
  )

  it.scoped("has commands that take their time, and are in the list of /help", () =>
    Effect.gen(function* () {
      const { join } = yield* start
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      alice.say("/help", "/later", "bob: after it", "/latr")
      yield* settle
      assert.match(alice.received.at(-1) ?? "", /^\* help: \/later +is answered after 50 ms$/u)
      assert.lengthOf(bob.received, 1)
      yield* pass(50)
      assert.deepStrictEqual(bob.received.slice(1), ["from alice: after it"])
      assert.deepStrictEqual(alice.received.slice(-2), [
        "* pong: later",
        "! unknown-command latr: no such command; did you mean /later? /help lists them"
      ])
    })
  )

  it.scoped("is drained with the rest: what its recipients were sent is not cut off", () =>
    Effect.gen(function* () {
      const { join, server } = yield* start
      const alice = yield* join("alice")
      alice.say(...Array.from({ length: 1_000 }, (_, line) => `#echo: ${line}`))
      yield* settle
      const drained = yield* Effect.fork(server.drain)
      yield* pass(1_000)
      yield* alice.ended
      alice.socket.end()
      yield* pass(1_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.written, ledger.inFlight], [0, 1_000, 0])
      assert.lengthOf(
        alice.received.filter((line) => line.startsWith("from alice #echo: ")),
        1_000
      )
    })
  )

  it.scoped("that takes nothing returns the lines of senders that it still holds when a shutdown cuts it off", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({
        features: [stuck],
        outboxLines: 16,
        holdTimeout: Duration.minutes(1),
        stallTimeout: Duration.minutes(1),
        grace: Duration.seconds(1)
      })
      const alice = yield* join("alice")
      alice.say(...Array.from({ length: 20 }, (_, line) => `#stuck: ${line}`))
      yield* settle
      const drained = yield* Effect.fork(server.drain)
      for (let passed = 0; passed < 3_000; passed += 250) yield* pass(250)
      const returns = alice.received
        .filter((line) => line.startsWith("! undelivered"))
        .map((line) => line.split(":")[0])
      assert.deepStrictEqual(returns, [
        "! undelivered #stuck reason=busy retry=1000 count=3",
        "! undelivered #stuck reason=disconnected count=17"
      ])
      alice.socket.end()
      yield* pass(10_000)
      const { ledger } = yield* drained
      assert.deepStrictEqual([ledger.returned, ledger.inFlight], [20, 0])
    })
  )

  it.scoped("that takes nothing holds its senders for the hold timeout, and is cut off by a shutdown", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({
        features: [stuck],
        outboxLines: 16,
        grace: Duration.seconds(1)
      })
      const alice = yield* join("alice")
      alice.say(...Array.from({ length: 20 }, (_, line) => `#stuck: ${line}`), "/ping after")
      yield* settle
      assert.lengthOf(alice.received, 1, "held")
      assert.strictEqual((yield* server.measure).outboxLines, 17)
      // One tick sees that it is full, and later ones that nothing has changed.
      for (let passed = 0; passed < 3_000; passed += 250) yield* pass(250)
      assert.deepStrictEqual(alice.received.slice(1), [
        "! undelivered #stuck reason=busy retry=1000 count=3: not reading at the moment",
        "* pong: after"
      ])
      const drained = yield* Effect.fork(server.drain)
      for (let passed = 0; passed < 3_000; passed += 250) yield* pass(250)
      alice.socket.end()
      yield* pass(10_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.returned, ledger.inFlight], [17, 20, 0])
      assert.match(alice.received.at(-1) ?? "", /^! undelivered #stuck reason=disconnected count=17: /u)
    })
  )

  it.scoped("that takes nothing leaves no line of a held sender in flight when a shutdown cuts it off", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({
        features: [stuck],
        outboxLines: 16,
        grace: Duration.seconds(1),
        holdTimeout: Duration.hours(1),
        stallTimeout: Duration.hours(1)
      })
      const alice = yield* join("alice")
      alice.say(...Array.from({ length: 20 }, (_, line) => `#stuck: ${line}`))
      yield* settle
      const drained = yield* Effect.fork(server.drain)
      for (let passed = 0; passed < 3_000; passed += 250) yield* pass(250)
      alice.socket.end()
      yield* pass(10_000)
      const { ledger } = yield* drained
      assert.deepStrictEqual([ledger.accepted, ledger.returned, ledger.dead, ledger.inFlight], [20, 20, 0, 0])
    })
  )

  it.scoped("learns who comes and goes", () =>
    Effect.gen(function* () {
      const seen = new Array<string>()
      const watcher: MakeFeature = () => ({
        joined: ({ name }) => seen.push(`+${name}`),
        left: ({ name }) => seen.push(`-${name}`)
      })
      const { join } = yield* startMemoryServer({ features: [watcher] })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      alice.say("/quit")
      yield* settle
      bob.socket.reset()
      yield* settle
      assert.deepStrictEqual(seen, ["+alice", "+bob", "-alice", "-bob"])
    })
  )
})
