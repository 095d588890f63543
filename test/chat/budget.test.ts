import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { connectionBytes } from "../../src/chat/Budget.js"
import { pass, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

/** Fills a client's queue faster than the network's buffer, of 64 KiB. */
const text = "x".repeat(10_000)

/** A server whose queues could be far larger than the memory for all of them. */
const start = (maxMemory: number) =>
  startMemoryServer({
    maxMemory,
    outboxBytes: 10_000_000,
    outboxLines: 1_000_000,
    stallTimeout: Duration.hours(1)
  })

const join = (chat: Effect.Effect.Success<ReturnType<typeof start>>, count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, number) => chat.join(`client-${number}`))

const everyone = (clients: ReadonlyArray<MemoryClient>) => clients.map((_, number) => `client-${number}`).join(", ")

describe("the memory budget", () => {
  it.scoped("stops the queues of clients that do not read, and those that read notice nothing", () =>
    Effect.gen(function* () {
      const chat = yield* start(2_000_000)
      const [alice, bob] = [yield* chat.join("alice"), yield* chat.join("bob")]
      const deaf = yield* join(chat, 5)
      for (const { socket } of deaf) socket.pause()
      const flooder = yield* chat.join("flooder")
      for (let line = 0; line < 200; line++) flooder.say(`${everyone(deaf)}: ${text}`)
      yield* settle
      const { limit, used } = yield* chat.server.memory
      assert.isAbove(used, limit / 2)
      assert.isBelow(used, limit)
      const { connections } = yield* chat.server.inspect
      assert.strictEqual(connections.find(({ name }) => name === "flooder")?.state, "held")
      for (let line = 0; line < 20; line++) alice.say(`bob: ${text}`)
      yield* alice.barrier
      yield* settle
      assert.strictEqual(bob.received.filter((line) => line.startsWith("from alice")).length, 20)
      for (const { socket } of deaf) socket.resume()
    })
  )

  it.scoped("refuses new connections when it is used up, and takes them again when it is not", () =>
    Effect.gen(function* () {
      const chat = yield* start(10 * connectionBytes)
      const clients = yield* join(chat, 10)
      const late = yield* chat.connect
      assert.match(yield* late.next, /^! full retry=5000 fatal: /u)
      clients[0]?.socket.destroy()
      yield* settle
      yield* chat.join("another")
    })
  )

  it.scoped("returns lines for clients that do not read at once when it is used up", () =>
    Effect.gen(function* () {
      const chat = yield* start(1_000_000)
      const [deaf] = yield* join(chat, 1)
      const flooder = yield* chat.join("flooder")
      deaf?.socket.pause()
      for (let line = 0; line < 100; line++) flooder.say(`client-0: ${text}`)
      yield* settle
      const held = yield* chat.server.inspect
      assert.strictEqual(held.connections.find(({ name }) => name === "flooder")?.state, "held", "there is memory left")
      yield* chat.server.configure({ maxMemory: (yield* chat.server.memory).used })
      yield* pass(250)
      assert.match(flooder.received.at(-1) ?? "", /^! undelivered client-0 reason=busy retry=1000 count=\d+: /u)
      deaf?.socket.resume()
    })
  )

  it.scoped("closes the largest connections when it is overrun, and returns their lines", () =>
    Effect.gen(function* () {
      const chat = yield* start(400_000)
      const deaf = yield* join(chat, 20)
      for (const { socket } of deaf) socket.pause()
      const flooder = yield* chat.join("flooder")
      // One line is never queued for some of its recipients only, so it may take more than there is.
      const long = "x".repeat(60_000)
      flooder.say(`${everyone(deaf)}: ${long}`)
      yield* settle
      flooder.say(`${everyone(deaf)}: ${long}`)
      yield* settle
      assert.isAbove((yield* chat.server.memory).used, 600_000)
      yield* pass(250)
      yield* settle
      const { limit, used } = yield* chat.server.memory
      assert.isBelow(used, limit)
      const { closed } = yield* chat.server.inspect
      assert.isAtLeast(closed.length, 5)
      assert.isTrue(closed.every(({ name, reason }) => reason === "memory" && name.startsWith("client-")))
      const returned = flooder.received.filter((line) => /^! undelivered client-\d+ reason=slow count=1: /u.test(line))
      assert.strictEqual(returned.length, closed.length)
    })
  )

  it.scoped("closes a client whose unfinished line finds no memory for the stall timeout", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ maxMemory: 100_000, stallTimeout: Duration.seconds(30) })
      const alice = yield* chat.join("alice")
      alice.socket.write(`alice: ${"y".repeat(60_000)}`)
      yield* pass(20_000)
      yield* pass(5_000)
      assert.isFalse(alice.end().inOrder)
      yield* pass(10_000)
      assert.isTrue(alice.end().inOrder)
      const { closed } = yield* chat.server.inspect
      assert.deepStrictEqual(
        closed.map(({ reason }) => reason),
        ["memory"]
      )
    })
  )

  it.scoped("forgets routes before it closes a connection, and closes none that holds nothing", () =>
    Effect.gen(function* () {
      const chat = yield* start(4_000_000)
      const clients = yield* join(chat, 20)
      const [alice] = clients
      for (let name = 0; name < 9_000; name += 100) {
        alice?.say(...Array.from({ length: 100 }, (_, index) => `nobody-${name + index}: hi`))
        yield* settle
      }
      assert.isBelow((yield* chat.server.memory).used, 1_000_000)
      yield* chat.server.configure({ maxMemory: 100_000 })
      yield* pass(250)
      yield* pass(250)
      assert.isBelow((yield* chat.server.memory).used, 21 * connectionBytes)
      for (const client of clients) yield* client.barrier
    })
  )

  it.scoped("stops reading from a client whose unfinished line takes too much of it, until others let go", () =>
    Effect.gen(function* () {
      const chat = yield* start(400_000)
      const clients = yield* join(chat, 10)
      const [patient] = clients
      const part = "y".repeat(8_000)
      for (const { socket } of clients) socket.write("client-0: ")
      for (let parts = 0; parts < 7; parts++) {
        for (const { socket } of clients) {
          socket.write(part)
          yield* settle
        }
      }
      const { used } = yield* chat.server.memory
      assert.isBelow(used, 450_000, "of 560,000 bytes that were sent, and ten connections")
      for (const { socket } of clients.slice(1)) socket.reset()
      yield* pass(250)
      patient?.say("")
      yield* patient?.barrier ?? Effect.void
      assert.include(patient?.received ?? [], `from client-0: ${part.repeat(7)}`)
    })
  )
})
