import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { pass, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

/** A turn has room for the notices of few subscribers. */
const turnBounds = { work: 2_000, share: 2_000, flushes: 100 }

const range = (count: number) => Array.from({ length: count }, (_, index) => index)

const notices = ({ received }: MemoryClient, code = "joined|left") =>
  received.filter((line) => new RegExp(`^\\* (?:${code}) `, "u").test(line)).map((line) => line.replace(/:.*/u, ""))

const greet = (client: MemoryClient) => {
  client.say("/hello")
  return client.barrier
}

describe("notices", () => {
  it.scoped("of one client to many are spread over turns, and another client's line overtakes them", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const subscribers = yield* Effect.forEach(range(200), () => Effect.tap(chat.connect, greet))
      const bystander = yield* chat.connect
      const count = () => subscribers.filter((client) => notices(client).length > 0).length
      bystander.say("bystander")
      yield* turnsUntil(
        () => count() > 0,
        () => "the first subscriber was notified"
      )
      bystander.say("bystander: hi")
      yield* bystander.next
      assert.isBelow(count(), 100, "most subscribers still wait")
      yield* turnsUntil(
        () => count() === 200,
        () => `all subscribers were notified: ${count()} were`
      )
      yield* settle
      for (const client of subscribers) assert.deepStrictEqual(notices(client), ["* joined bystander"])
    })
  )

  it.scoped("that come meanwhile follow, but not for those that leave", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const subscribers = yield* Effect.forEach(range(100), () => Effect.tap(chat.connect, greet))
      const alice = yield* chat.connect
      alice.say("alice")
      yield* turnsUntil(
        () => subscribers.some((client) => notices(client).length > 0),
        () => "the first subscriber was notified"
      )
      const last = subscribers.at(-1) as MemoryClient
      last.socket.destroy()
      const bob = yield* chat.connect
      bob.say("bob")
      const late = yield* Effect.tap(chat.connect, greet)
      yield* pass(1_000)
      yield* settle
      for (const client of subscribers.slice(0, -1)) {
        assert.deepStrictEqual(notices(client), ["* joined alice", "* joined bob"])
      }
      // It came before all had been notified, and is the last of them.
      assert.deepStrictEqual(notices(late), ["* joined alice", "* joined bob"])
      assert.deepStrictEqual(notices(last), [])
    })
  )

  it.scoped("of a burst reach everyone in order, about everyone but themselves", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const watcher = yield* Effect.tap(chat.connect, greet)
      const first = yield* chat.join("first")
      // Long names, so that the notices do not fit into one block.
      const names = range(300).map((index) => `${"n".repeat(25)}-${index}`)
      const clients = yield* Effect.forEach(names, () => chat.connect)
      for (const [index, client] of clients.entries()) client.say("/hello", names[index] ?? "")
      yield* Effect.forEach(clients, (client) => client.barrier)
      yield* pass(200)
      yield* turnsUntil(
        () => notices(watcher).length === 301,
        () => `all notices arrived: ${notices(watcher).length} did`
      )
      yield* settle
      const joined = notices(watcher)
      assert.sameMembers(joined, ["* joined first", ...names.map((name) => `* joined ${name}`)])
      for (const [index, client] of clients.entries()) {
        const own = `* joined ${names[index]}`
        const found = notices(client)
        assert.notInclude(found, own)
        // The first notice of the burst went out at once, perhaps before this client said hello.
        const expected = joined.filter((line) => line !== own)
        assert.deepStrictEqual(found, expected.slice(expected.length - found.length))
        assert.isAbove(found.length, 290)
      }
      assert.deepStrictEqual(notices(first), [])
      const { connections } = yield* chat.server.inspect
      const received = new Map(clients.map((client, index) => [names[index], client.received.length]))
      for (const { linesOut, name, queueBytes, queueLines } of connections) {
        assert.deepStrictEqual([queueLines, queueBytes], [0, 0])
        if (received.has(name)) assert.strictEqual(linesOut, received.get(name))
      }
    })
  )

  it.scoped("are not about the client that gets them, even if it was another connection that left", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const watcher = yield* Effect.tap(chat.connect, greet)
      const earlier = yield* chat.join("alice")
      yield* pass(200)
      yield* chat.join("bob") // announced at once, so that further notices are collected
      earlier.say("/quit")
      yield* earlier.ended
      const alice = yield* Effect.tap(chat.join("alice"), greet)
      yield* pass(200)
      yield* turnsUntil(
        () => notices(watcher).length === 4,
        () => `the watcher was notified: ${notices(watcher).join()}`
      )
      yield* settle
      assert.deepStrictEqual(notices(watcher), ["* joined alice", "* joined bob", "* left alice", "* joined alice"])
      assert.deepStrictEqual(notices(alice), [])
    })
  )

  it.scoped("that are being sent, and those collected meanwhile, come before the announcement of the shutdown", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ turnBounds })
      const subscribers = yield* Effect.forEach(range(20), () => Effect.tap(chat.connect, greet))
      const [alice, bob] = [yield* chat.connect, yield* chat.connect]
      alice.say("alice")
      yield* turnsUntil(
        () => subscribers.some((client) => notices(client).length > 0),
        () => "the first subscriber was notified"
      )
      bob.say("bob")
      yield* turns(5)
      const drain = yield* Effect.fork(chat.server.drain)
      while (drain.unsafePoll() === null) yield* pass(200)
      yield* Fiber.join(drain)
      for (const client of subscribers) {
        assert.deepStrictEqual(
          notices(client, "joined|closing")
            .slice(0, 3)
            .map((line) => line.split(" ", 3)[1]),
          ["joined", "joined", "closing"]
        )
      }
    })
  )
})
