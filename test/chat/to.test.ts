import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const messages = (client: MemoryClient) => client.received.filter((line) => line.startsWith("from "))

const start = Effect.gen(function* () {
  const chat = yield* startMemoryServer()
  /** A client that says `/hello` with these words. */
  const joinWith = (name: string, words: string) =>
    Effect.tap(chat.join(name), (client) => {
      client.say(`/hello ${words}`)
      return client.barrier
    })
  return { ...chat, joinWith }
})

describe("/hello to", () => {
  it.scoped("lists the other recipients, for those who asked, in the order of the address", () =>
    Effect.gen(function* () {
      const { join, joinWith } = yield* start
      const [alice, zoe] = [yield* join("alice"), yield* joinWith("zoë", "to")]
      const [bob, carol] = [yield* joinWith("bob", "to"), yield* join("carol")]
      alice.say("zoë: 1", "bob, zoë, carol: 2", " carol,zoe\u0308,bob,carol,: 3", "bob, bob: 4", "alice, bob: 5")
      yield* settle
      assert.deepStrictEqual(messages(zoe), [
        "from alice: 1",
        "from alice to=bob+carol: 2",
        "from alice to=carol+bob: 3"
      ])
      assert.deepStrictEqual(messages(bob), [
        "from alice to=zoë+carol: 2",
        "from alice to=carol+zoë: 3",
        "from alice: 4",
        "from alice to=alice: 5"
      ])
      assert.deepStrictEqual(messages(carol), ["from alice: 2", "from alice: 3"])
      assert.deepStrictEqual(messages(alice), ["from alice: 5"])
    })
  )

  it.scoped("lists those who are present when the line is handled", () =>
    Effect.gen(function* () {
      const { join, joinWith } = yield* start
      const [alice, bob] = [yield* join("alice"), yield* joinWith("bob", "to")]
      const say = Effect.suspend(() => {
        alice.say("bob, carol, dave: hi", "/hello", "@k dave, bob: labelled")
        return Effect.zipRight(alice.barrier, bob.barrier)
      })
      yield* say
      const carol = yield* join("carol")
      yield* say
      yield* join("dave")
      carol.say("/quit")
      yield* carol.ended
      yield* say
      assert.deepStrictEqual(messages(bob), [
        "from alice: hi",
        "from alice: labelled",
        "from alice to=carol: hi",
        "from alice: labelled",
        "from alice to=dave: hi",
        "from alice to=dave: labelled"
      ])
    })
  )

  it.scoped("lists at most the first 20 others", () =>
    Effect.gen(function* () {
      const { join, joinWith } = yield* start
      const names = Array.from({ length: 25 }, (_, index) => `n${index}`)
      const clients = yield* Effect.forEach(names, (name) => joinWith(name, "to"))
      const alice = yield* join("alice")
      alice.say(`${names.slice(0, 21).join(",")}: 21`, `${names.join(",")}: 25`)
      yield* settle
      clients.forEach((client, index) => {
        const others = names.filter((_, other) => other !== index).slice(0, 20)
        const last = `from alice to=${others.join("+")}: 25`
        const first = `from alice to=${others.slice(0, 20).join("+")}: 21`
        assert.deepStrictEqual(messages(client), index < 21 ? [first, last] : [last])
      })
    })
  )

  it.scoped("goes together with auto", () =>
    Effect.gen(function* () {
      const { joinWith } = yield* start
      const [bot, both] = [yield* joinWith("bot", "auto"), yield* joinWith("both", "to auto")]
      const [to, auto] = [yield* joinWith("to", "to"), yield* joinWith("auto", "auto")]
      bot.say("both, to, auto: 1", "both, to, auto: 2", "both: 3")
      yield* settle
      assert.deepStrictEqual(messages(both), [
        "from bot to=to+auto auto=yes: 1",
        "from bot to=to+auto auto=yes: 2",
        "from bot auto=yes: 3"
      ])
      assert.deepStrictEqual(messages(to), ["from bot to=both+auto: 1", "from bot to=both+auto: 2"])
      assert.deepStrictEqual(messages(auto), ["from bot auto=yes: 1", "from bot auto=yes: 2"])
    })
  )
})
