import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { ServersOfStore } from "../../src/cluster/ServersOfStore.js"
import { heads } from "../support/Accounts.js"
import { passes, seen } from "../support/Conversations.js"
import { startKeptNodes, type KeptNode } from "../support/KeptNodes.js"
import { pass } from "../support/MemoryServer.js"
import { account, ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

/** The messages that wait for another node. */
const waiting = ({ others }: KeptNode): number => {
  assert(others instanceof ServersOfStore)
  return others.waiting
}

const rounds = 40

/** Node b takes nothing from now on, and what is sent to it fills its window. */
const away = Effect.gen(function* () {
  const { a, b, cluster, store } = yield* startKeptNodes(["a", "b"], { server: { stallTimeout: Duration.hours(9) } })
  const [writer, watcher] = [yield* account(b, "alice/phone", "receipts"), yield* b.join("wendy")]
  yield* ask(watcher, "/hello", "/join #ops")
  yield* settle
  const leave = Effect.gen(function* () {
    cluster.window = 1
    cluster.node("b").hold()
    // Whoever finds that there is no room has a first message that waits.
    const [first, second] = [yield* account(a, "alice/main"), yield* account(a, "alice/main")]
    yield* first.ended
    second.socket.destroy()
    yield* settle
  })
  const back = Effect.gen(function* () {
    cluster.window = Infinity
    cluster.node("b").letGo()
    yield* settle
    yield* passes(500)
  })
  /** Returns how many more messages wait after some rounds of something than after the first two. */
  const grows = (round: (index: number) => Effect.Effect<unknown>, count = rounds) =>
    Effect.gen(function* () {
      yield* round(0)
      yield* round(1)
      yield* settle
      const before = waiting(a)
      assert.isAbove(before, 0)
      for (let index = 2; index < count; index++) {
        yield* round(index)
        yield* settle
      }
      return waiting(a) - before
    })
  return { a, b, back, cluster, grows, leave, store, watcher, writer }
})

describe("what waits for a node that takes nothing", () => {
  it.scoped("does not grow with devices that come and go, and it knows them afterwards", () =>
    Effect.gen(function* () {
      const { a, b, back, grows, leave } = yield* away
      const watcher = yield* account(b, "alice/phone")
      yield* leave
      const more = yield* grows(() =>
        Effect.gen(function* () {
          const bob = yield* account(a, "bob/main")
          yield* settle
          bob.socket.destroy()
        })
      )
      assert.strictEqual(more, 0)
      const bob = yield* account(a, "bob/main", "ack")
      const late = yield* account(a, "bob/phone")
      yield* settle
      late.socket.destroy()
      yield* back
      assert.include((yield* ask(watcher, "/who")).join(" "), "bob")
      yield* ask(watcher, "bob: hi")
      yield* seen(bob, "from alice: hi")
      bob.socket.destroy()
      yield* settle
      yield* passes(500)
      assert.notInclude((yield* ask(watcher, "/who")).join(" "), "bob")
    })
  )

  it.scoped("does not grow with guests that enter and leave a room, and it knows them afterwards", () =>
    Effect.gen(function* () {
      const { a, back, grows, leave, watcher } = yield* away
      const before = yield* a.join("gone")
      yield* ask(before, "/join #ops")
      yield* settle
      yield* leave
      before.socket.destroy()
      const more = yield* grows((index) =>
        Effect.gen(function* () {
          const guest = yield* a.join(`gina${index}`)
          yield* ask(guest, "/join #ops")
          yield* settle
          guest.socket.destroy()
        })
      )
      assert.isAtMost(more, 1)
      const stays = yield* a.join("hugo")
      yield* ask(stays, "/join #ops")
      yield* back
      assert.deepStrictEqual(heads(yield* ask(watcher, "/members #ops"))[0], "* members #ops 2 here=2")
      assert.include((yield* ask(watcher, "/members #ops"))[0] ?? "", "hugo")
      stays.socket.destroy()
      yield* settle
      yield* passes(500)
      assert.deepStrictEqual(heads(yield* ask(watcher, "/members #ops"))[0], "* members #ops 1 here=1")
    })
  )

  it.scoped("does not grow with what is given to readers, and its writers learn it afterwards", () =>
    Effect.gen(function* () {
      const { a, back, grows, leave, writer } = yield* away
      const bob = yield* account(a, "bob/main", "ack")
      yield* leave
      const alice = yield* account(a, "alice/main", "receipts")
      const more = yield* grows((index) =>
        Effect.gen(function* () {
          yield* ask(alice, `bob: ${index}`)
          yield* seen(bob, `from alice: ${index}`)
          yield* ask(bob, `/ack ${index + 1}`)
        })
      )
      assert.strictEqual(more, 0)
      yield* back
      assert.include(writer.received, `* delivered bob seq=${rounds}: given to a device`)
    })
  )

  it.scoped("does not grow with changes of accounts, nor with steps of retention", () =>
    Effect.gen(function* () {
      const { a, b, back, grows, leave } = yield* away
      yield* leave
      const more = yield* grows((index) =>
        Effect.orDie(a.accounts.operations.add(`dora${index}`, "correct horse battery"))
      )
      assert.strictEqual(more, 0)
      const retained = yield* grows(() => pass(61_000), 6)
      assert.strictEqual(retained, 0)
      yield* back
      yield* passes(1_000)
      assert.isDefined(b.accounts.index.named("dora1"))
    })
  )
})
