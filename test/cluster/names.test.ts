import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { likenessOf } from "../../src/chat/Names.js"
import { pass } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"
import { replies, twoNodes } from "../support/TwoNodes.js"

describe("a name in a cluster", () => {
  it.scoped("belongs to one client, also if it only looks the same", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const bob = yield* a.join("bob")
      for (const name of ["bob", "Bob", "BOB"]) {
        const other = yield* b.connect
        other.say(name)
        yield* other.ended
        assert.deepStrictEqual(other.received, [
          `! login-in-use ${name} fatal: that name, or one that looks the same, is in use`
        ])
        other.socket.end()
      }
      bob.socket.destroy()
      yield* settle
      const again = yield* b.join("BOB")
      assert.include(yield* b.server.names, "BOB")
      again.socket.destroy()
    })
  )

  it.scoped("goes to one of two clients that ask for it at once", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const clients = [yield* a.connect, yield* a.connect, yield* b.connect, yield* b.connect]
      for (const client of clients) client.say("bob")
      yield* settle
      const refused = clients.filter(({ received }) => received.some((line) => line.startsWith("! login-in-use")))
      assert.lengthOf(refused, 3)
      const names = [...(yield* a.server.names), ...(yield* b.server.names)]
      assert.deepStrictEqual(names, ["bob"])
    })
  )

  it.scoped("is decided before anything that follows the login is answered", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes()
      yield* a.join("bob")
      cluster.answers.unsafeClose()
      const [taken, free] = [yield* b.connect, yield* b.connect]
      taken.say("/ping 1", "bob", "/ping 2", "bob: hi")
      free.say("/ping 1", "carol", "/ping 2", "nobody: hi", "/ping 3")
      yield* settle
      taken.say("/ping 4")
      yield* settle
      assert.deepStrictEqual([taken.received, free.received], [["* pong: 1"], ["* pong: 1"]])
      cluster.answers.unsafeOpen()
      yield* settle
      assert.deepStrictEqual(taken.received.slice(1), [
        "! login-in-use bob fatal: that name, or one that looks the same, is in use"
      ])
      assert.deepStrictEqual(
        free.received.filter((line) => line.startsWith("*")),
        ["* pong: 1", "* pong: 2", "* pong: 3"]
      )
      yield* pass(1_000)
    })
  )

  it.scoped("is free again when its login is not completed", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes()
      const bob = yield* a.connect
      cluster.answers.unsafeClose()
      bob.say("bob")
      yield* settle
      assert.strictEqual(cluster.entries.size, 1)
      bob.socket.reset()
      yield* settle
      cluster.answers.unsafeOpen()
      yield* settle
      assert.strictEqual(cluster.entries.size, 0)
      yield* b.join("bob")
      assert.deepStrictEqual(yield* b.server.names, ["bob"])
    })
  )

  it.scoped("is refused for now while it is unknown whether it is free", () =>
    Effect.gen(function* () {
      const { a, cluster } = yield* twoNodes()
      cluster.isUnavailable = true
      const bob = yield* a.connect
      bob.say("bob")
      yield* bob.ended
      assert.match(bob.received[0] ?? "", /^! slow-down retry=\d+ fatal: the server cannot find out/u)
      cluster.isUnavailable = false
      yield* a.join("bob")
      assert.deepStrictEqual(yield* a.server.names, ["bob"])
    })
  )

  it.scoped("is listed everywhere, with notices when it comes and goes", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const alice = yield* a.join("alice")
      alice.say("/hello")
      yield* settle
      const bob = yield* b.join("bob")
      yield* settle
      alice.say("/who", "Bob: hi")
      yield* pass(500)
      bob.socket.destroy()
      yield* settle
      yield* pass(500)
      alice.say("/who")
      yield* settle
      assert.deepStrictEqual(
        alice.received.filter((line) => /^(?:\* (?:who|joined|left)|!)/u.test(line)),
        [
          "* joined bob: has joined",
          "* who 2: alice, bob",
          "! undelivered Bob reason=offline like=bob: no recipient of that name is online; did you mean bob?",
          "* left bob: has left",
          "* who 1: alice"
        ]
      )
    })
  )

  it.scoped("is announced once for a client that comes over from another node before this node knows", () =>
    Effect.gen(function* () {
      const { a, cluster } = yield* twoNodes()
      const alice = yield* a.join("alice")
      alice.say("/hello")
      const [node, other] = [cluster.node("a"), cluster.node("b")]
      const notices = () => alice.received.filter((line) => /^\* (?:joined|left)/u.test(line))
      const shows = (isThere: boolean) =>
        Effect.zipRight(
          Effect.sync(() => node.host.inTurn(() => node.learns("bob", isThere ? other.as : undefined))),
          pass(500)
        )
      yield* shows(true)
      const bob = yield* a.join("bob")
      yield* pass(500)
      yield* shows(false)
      assert.deepStrictEqual(notices(), ["* joined bob: has joined"])
      bob.say("/quit")
      yield* bob.ended
      yield* pass(500)
      assert.deepStrictEqual(notices(), ["* joined bob: has joined", "* left bob: has left"])
    })
  )

  it.scoped("is announced once for a client that comes over and goes before this node knows", () =>
    Effect.gen(function* () {
      const { a, cluster } = yield* twoNodes()
      const alice = yield* a.join("alice")
      alice.say("/hello")
      const [node, other] = [cluster.node("a"), cluster.node("b")]
      node.host.inTurn(() => node.learns("bob", other.as))
      yield* pass(500)
      const bob = yield* a.join("bob")
      bob.say("/quit")
      yield* bob.ended
      yield* pass(500)
      const notices = () => alice.received.filter((line) => /^\* (?:joined|left)/u.test(line))
      assert.deepStrictEqual(notices(), ["* joined bob: has joined"])
      node.host.inTurn(() => node.learns("bob", undefined))
      yield* pass(500)
      assert.deepStrictEqual(notices(), ["* joined bob: has joined", "* left bob: has left"])
    })
  )

  it.scoped("that another node has taken meanwhile costs its clients their connections", () =>
    Effect.gen(function* () {
      const { a, cluster } = yield* twoNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* a.join("bob")]
      yield* settle
      const node = cluster.node("a")
      node.suspend()
      yield* settle
      node.rebear([[likenessOf("bob"), "bob"]])
      node.resume()
      yield* bob.ended
      assert.match(replies(bob).at(-1) ?? "", /^! login-in-use bob fatal/u)
      yield* alice.barrier
      assert.deepStrictEqual(yield* a.server.names, ["alice"])
    })
  )
})
