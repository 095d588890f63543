import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { MakeFeature } from "../../src/chat/Feature.js"
import * as LineForm from "../../src/chat/LineForm.js"
import { startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle, turns } from "../support/Turns.js"

const messages = (client: MemoryClient) => client.received.filter((line) => line.startsWith("from "))

const start = Effect.gen(function* () {
  const chat = yield* startMemoryServer()
  /** A client that says `/hello auto`. */
  const program = (name: string) =>
    Effect.tap(chat.join(name), (client) => {
      client.say("/hello auto")
      return client.barrier
    })
  return { ...chat, program }
})

describe("/hello auto", () => {
  it.scoped("marks messages from programs, for programs only", () =>
    Effect.gen(function* () {
      const { join, program } = yield* start
      const [bot, other, alice] = [yield* program("bot"), yield* program("other"), yield* join("alice")]
      bot.say("other: 1", "alice: 2", "alice, other, bot: 3")
      alice.say("other: 4", "bot, other: 5")
      other.say("alice,bot: 6")
      yield* settle
      assert.sameMembers(messages(other), [
        "from bot auto=yes: 1",
        "from bot auto=yes: 3",
        "from alice: 4",
        "from alice: 5"
      ])
      assert.deepStrictEqual(messages(alice), ["from bot: 2", "from bot: 3", "from other: 6"])
      assert.sameMembers(messages(bot), ["from bot auto=yes: 3", "from alice: 5", "from other auto=yes: 6"])
    })
  )

  it.scoped("applies to the lines after it, of every client, and to routes that are in use", () =>
    Effect.gen(function* () {
      const { join } = yield* start
      const [alice, bob, carol] = [yield* join("alice"), yield* join("bob"), yield* join("carol")]
      const say = Effect.suspend(() => {
        alice.say("bob: one", "bob: two", "bob, carol: both", "/hello", "@k bob: labelled")
        return alice.barrier
      })
      yield* say
      alice.say("/hello auto")
      yield* say
      bob.say("/hello auto")
      yield* bob.barrier
      yield* say
      yield* bob.barrier
      yield* carol.barrier
      const heads = ["from alice", "from alice", "from alice auto=yes"]
      const expected = heads.flatMap((head) => ["one", "two", "both", "labelled"].map((text) => `${head}: ${text}`))
      assert.deepStrictEqual(messages(bob), expected)
      assert.deepStrictEqual(messages(carol), Array<string>(3).fill("from alice: both"))
      // The mark applies exactly from the reader's `* hello` on.
      const hello = bob.received.findIndex((line) => line.startsWith("* hello "))
      assert.strictEqual(
        bob.received.findIndex((line) => line.includes("auto=yes:")),
        hello + 2
      ) // after the pong
    })
  )

  it.scoped("marks whole blocks as it marks single lines, and leaves texts alone", () =>
    Effect.gen(function* () {
      const { join, program } = yield* start
      const [bot, other, alice] = [yield* program("bot"), yield* program("other"), yield* join("alice")]
      const texts = Array.from({ length: 50 }, (_, i) => `${i} from bot: from bot auto=yes: x`)
      bot.say("other: first", "alice: first")
      yield* settle
      for (const name of ["other", "alice"]) {
        bot.say(`${name}: next`)
        yield* settle
        bot.say(...texts.map((text) => `${name}: ${text}`))
        yield* settle
      }
      const all = ["first", "next", ...texts]
      assert.deepStrictEqual(
        messages(other),
        all.map((text) => `from bot auto=yes: ${text}`)
      )
      assert.deepStrictEqual(
        messages(alice),
        all.map((text) => `from bot: ${text}`)
      )
    })
  )

  it.scoped("may be said before the login, and is gone with its connection", () =>
    Effect.gen(function* () {
      const { connect, program } = yield* start
      const bot = yield* program("bot")
      const first = yield* connect
      first.say("/hello auto", "alice")
      yield* first.barrier
      bot.say("alice: 1")
      yield* settle
      first.socket.destroy()
      yield* turns(20)
      const second = yield* connect
      second.say("alice")
      yield* second.barrier
      bot.say("alice: 2")
      yield* settle
      assert.deepStrictEqual(messages(first), ["from bot auto=yes: 1"])
      assert.deepStrictEqual(messages(second), ["from bot: 2"])
    })
  )

  it.scoped("is seen by those members of a room who want it", () =>
    Effect.gen(function* () {
      const got: Array<string> = []
      const { join } = yield* startMemoryServer({ features: [room(got)] })
      const bot = yield* join("bot")
      bot.say("#all: 1", "/hello auto", "#all: 2", "bot, #all: 3")
      yield* settle
      assert.sameMembers(got, [
        ...[1, 2, 3].map((text) => `plain from bot #all: ${text}`),
        "marked from bot #all: 1",
        "marked from bot #all auto=yes: 2",
        "marked from bot #all auto=yes: 3"
      ])
      assert.deepStrictEqual(messages(bot), ["from bot auto=yes: 3"])
    })
  )

  it.scoped("cannot be forged by a name", () =>
    Effect.gen(function* () {
      const { connect } = yield* start
      const forger = yield* connect
      forger.say("bot auto=yes")
      yield* forger.ended
      assert.match(forger.received.join("\n"), /^! bad-login fatal: /)
    })
  )
})

/** A room with a member of each form, that records what its members get. */
const room =
  (got: Array<string>): MakeFeature =>
  (broker) => {
    const [plain, marked] = [broker.outbox("#all"), broker.outbox("#all")]
    marked.form = LineForm.of(new Set(["auto"]))
    const write = (outbox: typeof plain, member: string) =>
      Effect.gen(function* () {
        const batch = outbox.ready() ?? (yield* outbox.next({ go: Effect.succeed, write: Effect.succeed }))
        got.push(
          ...batch.text
            .split("\n")
            .slice(0, -1)
            .map((line) => `${member} ${line}`)
        )
        broker.settled(outbox, batch, "written")
      })
    return {
      resolvers: [
        { resolve: (name) => (name === "#all" ? { outboxes: [plain, marked], suffix: " #all" } : undefined) }
      ],
      run: Effect.zip(Effect.forever(write(plain, "plain")), Effect.forever(write(marked, "marked")), {
        concurrent: true
      })
    }
  }
