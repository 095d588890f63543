import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { startMemoryServer, type MemoryClient, type MemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void
setFlagsFromString("--no-expose-gc")

/**
 * The heap and the buffers outside of it. V8 frees buffers beside the program, and completes that at the next
 * collection.
 */
const memoryUsed = () => {
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** As much as one read brings, of lines that go nowhere: whatever keeps a slice of it keeps all of it alive. */
const ballast = `nobody: ${"x".repeat(100)}\n`.repeat(500)

const rounds = 100

/** What may stay of a round: far less than its read, with room for what the clients of the test keep themselves. */
const mostKept = 10_000

/** More than the network takes for a client that does not read. */
const fill = "x".repeat(70_000)

const settled = Effect.zipRight(settle, settle)

/** A client that does not read, and whose socket takes nothing more. */
const joinDeaf = (chat: MemoryServer, name: string) =>
  Effect.gen(function* () {
    const client = yield* chat.join(name)
    client.socket.pause()
    const other = yield* chat.join(`filler-of-${name}`)
    other.say(`${name}: ${fill.slice(0, 40_000)}`, `${name}: ${fill.slice(0, 40_000)}`)
    yield* other.barrier
    return client
  })

/** `say` returns what the server keeps of each round, for `bob`, who reads nothing: it comes amid a read of 55 KB. */
const keeps = (what: string, say: (round: number) => string) =>
  it.scoped(`keeps ${what}, and not the read that it came in`, () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const alice = yield* chat.join("alice")
      const bob = yield* joinDeaf(chat, "bob")
      alice.say("/hello")
      yield* alice.barrier
      const round = (number: number) => {
        alice.say(`${ballast}${say(number)}\n${ballast}`.slice(0, -1))
        return alice.barrier
      }
      for (let number = 0; number < rounds; number++) yield* round(number)
      const before = memoryUsed()
      for (let number = rounds; number < 2 * rounds; number++) yield* round(number)
      yield* settle
      assert.isBelow((memoryUsed() - before) / rounds, mostKept)
      bob.socket.resume()
    })
  )

describe("the memory of the server", () => {
  keeps("a label whose outcome is to come", (round) => `@a-label-of-many-characters-${round} bob: x`)
  keeps("a text that waits in an open batch", (round) => `bob: a-text-of-some-length-${round}`)
  keeps("an address that is used once", (round) => `a-name-that-is-not-here-${round}, bob: x`)

  it.scoped("keeps the names of clients and their last address, and not the reads that these came in", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      yield* chat.join("a-recipient-of-many-lines")
      const clients = 100
      const before = memoryUsed()
      for (let number = 0; number < clients; number++) {
        const guest = yield* chat.connect
        const text = `a-recipient-of-many-lines:${" ".repeat(60_000)}\n`
        guest.say(`somebody-with-a-long-name-${number}\nnobody-of-this-name-${number}: hi\n${text}`)
        yield* guest.barrier
      }
      assert.isBelow((memoryUsed() - before) / clients, 30_000)
    })
  )

  it.scoped("keeps the answers that a client does not read, and not the lines that they answer", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const deaf = new Array<MemoryClient>()
      for (let number = 0; number < 20; number++) deaf.push(yield* joinDeaf(chat, `deaf-${number}`))
      const round = (number: number) => {
        for (const client of deaf) {
          client.say(
            `${ballast}/ping a-text-that-comes-back-${number}`,
            `@not-a-label-since-there-was-no-hello hi`,
            `/a-command-that-is-none-${number}`
          )
        }
        return settled
      }
      for (let number = 0; number < 10; number++) yield* round(number)
      const before = memoryUsed()
      for (let number = 10; number < 20; number++) yield* round(number)
      assert.isBelow((memoryUsed() - before) / (10 * deaf.length), mostKept)
      for (const { socket } of deaf) socket.resume()
    })
  )

  it.scoped("keeps the label that a client quits with until its last line is written, and not the read", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const bob = yield* joinDeaf(chat, "bob")
      const leaving = new Array<MemoryClient>()
      for (let number = 0; number < 100; number++) {
        const client = yield* chat.join(`leaving-${number}`)
        client.say("/hello", `bob: ${"x".repeat(200)}`)
        yield* client.barrier
        leaving.push(client)
      }
      const before = memoryUsed()
      for (const client of leaving) {
        client.say(`${ballast}@a-label-of-many-characters /quit`)
        yield* settle
      }
      assert.isBelow((memoryUsed() - before) / leaving.length, mostKept)
      bob.socket.resume()
      yield* settled
      for (const { received } of leaving) {
        assert.match(received.at(-1) ?? "", /^\* bye @a-label-of-many-characters reason=quit/u)
      }
    })
  )

  it.scoped("keeps an unfinished line in no more than twice its size", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer()
      const clients = new Array<MemoryClient>()
      for (let number = 0; number < 50; number++) clients.push(yield* chat.join(`client-${number}`))
      const before = memoryUsed()
      for (const { socket } of clients) {
        socket.write(ballast)
        for (let part = 0; part < 3; part++) {
          socket.write("y".repeat(11_000))
          yield* settle
        }
      }
      const used = (memoryUsed() - before) / clients.length
      assert.isBelow(used, 70_000)
      // What the budget counts is what there is.
      const counted = (yield* chat.server.memory).used / clients.length
      assert.isAbove(counted, used / 2)
    })
  )

  it.scoped("is counted for queued lines as what they take, within a factor of two", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ outboxBytes: 10_000_000 })
      const alice = yield* chat.join("alice")
      const bob = yield* joinDeaf(chat, "bob")
      alice.say("/hello")
      yield* alice.barrier
      for (const line of ["bob: x", "@label-of-a-line bob: x", `bob: ${"x".repeat(100)}`]) {
        const [before, counted] = [memoryUsed(), (yield* chat.server.memory).used]
        for (let round = 0; round < 100; round++) {
          alice.say(...Array.from({ length: 50 }, () => line))
          yield* alice.barrier
        }
        const ratio = (memoryUsed() - before) / ((yield* chat.server.memory).used - counted)
        assert.isBelow(ratio, 2, line)
      }
      bob.socket.resume()
    })
  )
})
