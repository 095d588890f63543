import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { login, messages, passes, seen, startConversations } from "../support/Conversations.js"
import { settle } from "../support/Turns.js"

describe("receipts", () => {
  it.scoped("report to a sender how far an account was given what it sent", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations()
      const [alice, carol] = [yield* connect, yield* join("carol")]
      alice.say(...login("alice", "receipts"))
      carol.say("/hello receipts", "bob: hi")
      yield* alice.barrier
      alice.say("bob: one", "bob: two")
      yield* alice.barrier
      const bob = yield* connect
      bob.say(...login("bob", "ack"))
      yield* seen(bob, "from alice: two")
      yield* settle
      assert.deepStrictEqual(
        alice.received.filter((line) => line.startsWith("* delivered")),
        [],
        "it has not acknowledged them"
      )
      bob.say("/ack 3")
      assert.deepStrictEqual(yield* seen(alice, "* delivered"), ["* delivered bob seq=2: given to a device"])
      assert.deepStrictEqual(yield* seen(carol, "* delivered"), ["* delivered bob seq=1: given to a device"])
      // The other device has been given nothing yet.
      const phone = yield* connect
      phone.say(...login("bob/phone"))
      yield* seen(phone, "from alice: two")
      yield* phone.barrier
      yield* settle
      assert.lengthOf(yield* seen(alice, "* delivered"), 1, "a slower device brings no other receipt")
    })
  )
})

describe("receipts for a client that only sends", () => {
  it.scoped("come as well, and again for a line that it sends again", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const send = (...lines: ReadonlyArray<string>) =>
        Effect.tap(connect, (client) => {
          client.say(...login("alice", "send-only once receipts seq"), ...lines)
          return client.barrier
        })
      const first = yield* send("@k1 bob: one")
      const bob = yield* connect
      bob.say(...login("bob"))
      assert.deepStrictEqual(yield* seen(first, "* delivered"), ["* delivered bob seq=1: given to a device"])
      first.socket.reset()
      yield* settle
      const second = yield* send("@k1 bob: one")
      assert.deepStrictEqual(yield* seen(second, "* delivered"), ["* delivered bob seq=1: given to a device"])
      assert.deepStrictEqual(messages(bob), ["from alice: one"])
    })
  )
})

describe("receipts for clients that only send", () => {
  it.scoped("come for a line that is sent again after its reader has left", () =>
    Effect.gen(function* () {
      const { accounts, connect } = yield* startConversations()
      const send = Effect.tap(connect, (client) => {
        client.say(...login("alice", "send-only once receipts seq"), "@k1 bob: one")
        return client.barrier
      })
      const first = yield* send
      first.socket.reset()
      const bob = yield* connect
      bob.say(...login("bob"))
      yield* seen(bob, "from alice: one")
      yield* bob.barrier
      bob.say("/quit")
      yield* bob.ended
      yield* passes(2_000)
      assert.strictEqual((yield* accounts.store.statistics).given, 1)
      assert.deepStrictEqual(yield* seen(yield* send, "* delivered"), ["* delivered bob seq=1: given to a device"])
    })
  )

  it.scoped("reach each of several guests with the same name", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations()
      const [one, other] = [yield* connect, yield* connect]
      for (const client of [one, other]) {
        client.say("/hello send-only receipts seq", "build", "bob: done")
        yield* client.barrier
      }
      const bob = yield* connect
      bob.say(...login("bob"))
      for (const client of [one, other]) {
        assert.deepStrictEqual(yield* seen(client, "* delivered"), ["* delivered bob seq=2: given to a device"])
      }
    })
  )
})
