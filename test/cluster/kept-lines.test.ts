import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { login, messages, seen } from "../support/Conversations.js"
import { startKeptNodes, type KeptNode } from "../support/KeptNodes.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const account = ({ connect }: KeptNode, who: string, words?: string) =>
  Effect.tap(connect, (client) => {
    client.say(...login(who, words))
    return client.barrier
  })

const texts = (client: MemoryClient) => messages(client).map((line) => line.split(": ")[1])

describe("lines to an account, on several nodes", () => {
  it.scoped("reach its devices on all of them, once and in order", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const main = yield* account(a, "bob/main", "ack seq")
      const phone = yield* account(b, "bob/phone", "ack seq")
      const alice = yield* account(a, "alice/main", "copies")
      const carol = yield* b.join("carol")
      yield* settle
      for (let round = 0; round < 20; round++) {
        alice.say(`bob: a${round}`)
        carol.say(`bob: c${round}`)
        if (round % 3 === 0) yield* settle
      }
      yield* settle
      for (const device of [main, phone])
        for (const [from, text] of [
          ["alice", "a"],
          ["carol guest=yes", "c"]
        ]) {
          const got = messages(device).filter((line) => line.startsWith(`from ${from} `))
          assert.deepStrictEqual(
            got.map((line) => line.replace(/ at=\d+/u, "")),
            Array.from({ length: 20 }, (_, round) => `from ${from} seq=${round + 1}: ${text}${round}`)
          )
        }
    })
  )

  it.scoped("are also copies for the other devices of their author", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const main = yield* account(a, "alice/main", "copies")
      const phone = yield* account(b, "alice/phone", "copies")
      yield* settle
      main.say("bob: hi", "bob: there")
      phone.say("bob: and hello")
      yield* settle
      assert.deepStrictEqual(texts(phone), ["hi", "there"])
      assert.deepStrictEqual(texts(main), ["and hello"])
    })
  )

  it.scoped("are given where they were stored before the other server knew of the device", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const alice = yield* account(a, "alice/main")
      cluster.node("a").hold()
      const bob = yield* account(b, "bob/main")
      yield* settle
      alice.say("bob: one")
      yield* settle
      assert.deepStrictEqual(messages(bob), [])
      cluster.node("a").letGo()
      assert.deepStrictEqual(yield* seen(bob, "from"), ["from alice: one"])
    })
  )

  it.scoped("are given where the server that has stored them is lost before it has told anybody", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const alice = yield* account(a, "alice/main")
      const bob = yield* account(b, "bob/main")
      yield* settle
      cluster.node("b").hold()
      alice.say("bob: one")
      yield* settle
      assert.deepStrictEqual(messages(bob), [])
      cluster.lose(cluster.node("a"))
      assert.deepStrictEqual(yield* seen(bob, "from"), ["from alice: one"])
    })
  )

  it.scoped("are announced once if a server accepts no messages for a while", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const alice = yield* account(a, "alice/main")
      const bob = yield* account(b, "bob/main", "seq")
      yield* settle
      cluster.window = 1
      cluster.node("b").hold()
      const { sent } = cluster.node("a")
      const before = sent.length
      for (let round = 0; round < 100; round++) {
        alice.say(`bob: ${round}`)
        yield* settle
      }
      cluster.node("b").letGo()
      yield* seen(bob, "from alice seq=100 ")
      assert.lengthOf(messages(bob), 100)
      const announced = sent.slice(before).flatMap(
        (content) =>
          Buffer.from(content)
            .toString()
            .match(/"lines"/gu) ?? []
      )
      assert.isAtMost(announced.length, 3)
    })
  )
})
