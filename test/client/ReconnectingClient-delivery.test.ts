import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Client from "../../src/client/Client.js"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import { restartable, soon, tags, texts, until, withScript } from "../support/ReconnectingClients.js"

describe("ReconnectingClient", () => {
  it.scopedLive("keeps a message until it is connected again, and then delivers it once", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const first = yield* start
      const alice = yield* ReconnectingClient.connect({ socket, login: "alice", ...soon })
      const got = yield* Effect.fork(Stream.runCollect(Stream.take(texts(alice), 3)))
      assert.deepStrictEqual(tags(yield* alice.deliver(["alice"], "before")), ["Written"])
      yield* first.stop
      const waiting = yield* Effect.fork(alice.deliver(["alice", "nobody"], "meanwhile"))
      const second = yield* start
      assert.sameMembers([...tags(yield* Fiber.join(waiting))], ["Written", "offline"])
      yield* alice.send(["alice"], "after")
      assert.deepStrictEqual([...(yield* Fiber.join(got))], ["before", "meanwhile", "after"])
      assert.deepInclude(yield* second.ledger, { accepted: 4, returned: 1 })
    })
  )

  it.scopedLive("reports a message that may have arrived as unknown, and does not send it again", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* withScript()
      const sent = yield* Effect.fork(alice.deliver(["bob", "carol"], "one"))
      yield* server.takes(1)
      yield* server.says("* written @1 carol: x")
      yield* server.breaks
      assert.deepStrictEqual(yield* Fiber.join(sent), [
        { _tag: "Written", names: ["carol"] },
        { _tag: "Unknown", names: ["bob"] }
      ])
      const next = yield* Effect.fork(alice.deliver(["bob"], "two"))
      assert.deepStrictEqual(yield* server.takes(2), ["@1 bob, carol: one", "@1 bob: two"])
      yield* server.says("* written @1 bob: x")
      assert.deepStrictEqual(tags(yield* Fiber.join(next)), ["Written"])
    })
  )

  it.scopedLive("takes no end as proof: only what a server that shuts down has not accepted is sent again", () =>
    Effect.gen(function* () {
      for (const [last, isAgain] of [
        [["! closing @1: no"], true],
        [["* closing grace=1 return=1: x", "* bye reason=shutdown: x"], true],
        [["* closing grace=1 return=1: x"], false],
        [["* bye reason=shutdown: x", "* written @1 carol: x"], false],
        [["* written @1 mallory: x", "* bye reason=shutdown: x"], false],
        [[], false]
      ] as const) {
        const { alice, catchesUp, server } = yield* withScript()
        const sent = yield* Effect.fork(alice.deliver(["bob", "carol"], "hi"))
        yield* server.takes(1)
        if (last.length > 0) yield* server.says(last.join("\n"))
        // A reset would destroy what is unread. After an invalid outcome, the client reads nothing more.
        yield* catchesUp(() => sent.unsafePoll() !== null)
        yield* server.breaks
        if (isAgain) {
          assert.deepStrictEqual(yield* server.takes(2), ["@1 bob, carol: hi", "@1 bob, carol: hi"])
          yield* server.says("* written @1 bob, carol: x")
          assert.deepStrictEqual(tags(yield* Fiber.join(sent)), ["Written"])
        } else assert.include(tags(yield* Fiber.join(sent)), "Unknown")
        yield* alice.end
      }
    })
  )

  it.scopedLive(
    "does not send to a server that shuts down, and takes a line in flight for unknown if that is killed",
    () =>
      Effect.gen(function* () {
        const { alice, catchesUp, server } = yield* withScript()
        const first = yield* Effect.fork(alice.deliver(["bob"], "one"))
        const second = yield* Effect.fork(alice.deliver(["bob"], "two"))
        yield* server.takes(2)
        yield* server.says("! closing @2: no")
        yield* catchesUp()
        const third = yield* Effect.fork(alice.deliver(["bob"], "three"))
        yield* catchesUp()
        assert.lengthOf(yield* server.takes(2), 2)
        yield* server.breaks
        assert.deepStrictEqual(tags(yield* Fiber.join(first)), ["Unknown"])
        assert.sameMembers([...(yield* server.takes(4))].slice(2), ["@1 bob: two", "@2 bob: three"])
        yield* server.says("* written @1 bob: x\n* written @2 bob: x")
        assert.deepStrictEqual(tags(yield* Fiber.join(second)), ["Written"])
        assert.deepStrictEqual(tags(yield* Fiber.join(third)), ["Written"])
      })
  )

  it.scopedLive("waits as long as a slow-down says, and sends nothing else meanwhile", () =>
    Effect.gen(function* () {
      const { alice, catchesUp, server } = yield* withScript()
      const first = yield* Effect.fork(alice.deliver(["bob"], "one"))
      yield* server.takes(1)
      const refusedAt = performance.now()
      yield* server.says("! slow-down @1 retry=200: x")
      yield* catchesUp()
      const second = yield* Effect.fork(alice.deliver(["bob"], "two"))
      assert.deepStrictEqual((yield* server.takes(3)).slice(1), ["@2 bob: one", "@3 bob: two"])
      assert.isAtLeast(performance.now() - refusedAt, 190)
      yield* server.says("* written @2 bob: x\n! undelivered @3 bob reason=busy retry=5: x")
      assert.deepStrictEqual(tags(yield* Fiber.join(first)), ["Written"])
      assert.deepStrictEqual(tags(yield* Fiber.join(second)), ["busy"])
    })
  )

  it.scopedLive("keeps to the rate of the server", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable({ rate: 50 })
      yield* start
      const alice = yield* ReconnectingClient.connect({ socket, login: "alice", ...soon })
      yield* Effect.forkScoped(Stream.runDrain(alice.lines))
      const fates = yield* Effect.forEach(
        Array.from({ length: 80 }, (_, index) => `${index}`),
        (text) => alice.deliver(["alice"], text),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(fates.flatMap(tags)), new Set(["Written"]))
    })
  )

  it.scopedLive("holds a message after a reconnection until its recipient is back as well", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const first = yield* start
      const alice = yield* ReconnectingClient.connect({ socket, login: "alice", returnTime: "5 seconds", ...soon })
      yield* Effect.forkScoped(Stream.runDrain(alice.lines))
      const bobs = yield* Scope.make()
      yield* Scope.extend(Client.connect({ socket, login: "bob" }), bobs)
      assert.deepStrictEqual(tags(yield* alice.deliver(["bob"], "hi")), ["Written"])
      yield* first.stop
      yield* start
      yield* until(alice, "Connected")
      const held = yield* Effect.fork(alice.deliver(["bob", "nobody"], "are you back?"))
      yield* Effect.sleep("100 millis")
      assert.isNull(held.unsafePoll())
      yield* Client.connect({ socket, login: "bob" })
      assert.sameMembers([...tags(yield* Fiber.join(held))], ["offline", "Written"])
      assert.deepStrictEqual(tags(yield* alice.deliver(["nobody"], "hi")), ["offline"])
    })
  )

  it.scoped("gives an absent recipient no longer than returnTime after a reconnection, or waitFor", () =>
    Effect.gen(function* () {
      const { alice, catchesUp, server } = yield* withScript({ returnTime: "15 seconds", waitFor: "1 minute" })
      const offline = (label: number, name: string) => server.says(`! undelivered @${label} ${name} reason=offline: x`)
      const held = yield* Effect.fork(alice.deliver(["bob"], "hi"))
      let label = 0
      for (let seconds = 0; held.unsafePoll() === null && seconds < 100; seconds += 2) {
        label += 1
        yield* server.takes(label)
        yield* offline(label, "bob")
        yield* catchesUp(() => held.unsafePoll() !== null)
        yield* TestClock.adjust("2 seconds")
      }
      assert.deepStrictEqual(tags(yield* Fiber.join(held)), ["offline"])
      assert.isAtLeast(label, 30)
      assert.isAtMost(label, 32)
    })
  )

  it.scoped("sends at once when the server says that the recipient has joined", () =>
    Effect.gen(function* () {
      const { alice, catchesUp, server } = yield* withScript({ waitFor: "1 minute" })
      const held = yield* Effect.fork(alice.deliver(["bob", "carol"], "hi"))
      yield* server.takes(1)
      yield* server.says("! undelivered @1 bob reason=offline: x\n* written @1 carol: x")
      yield* catchesUp()
      yield* server.says("* joined dave: x\n* joined bob: x")
      assert.deepStrictEqual((yield* server.takes(2))[1], "@2 bob: hi")
      yield* server.says("* written @2 bob: x")
      assert.deepStrictEqual(yield* Fiber.join(held), [
        { _tag: "Written", names: ["carol"] },
        { _tag: "Written", names: ["bob"] }
      ])
    })
  )

  it.scopedLive("settles what waits when its scope closes", () =>
    Effect.gen(function* () {
      const { socket, start } = yield* restartable()
      const server = yield* start
      const scope = yield* Scope.make()
      const alice = yield* Scope.extend(
        ReconnectingClient.connect({ socket, login: "alice", backoff: Schedule.spaced("1 hour") }),
        scope
      )
      const lines = yield* Effect.fork(Stream.runDrain(alice.lines))
      yield* server.stop
      yield* until(alice, "Waiting")
      const waiting = yield* Effect.fork(Effect.flip(alice.deliver(["bob"], "hi")))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "TransportError")
      yield* Fiber.join(lines)
      yield* alice.closed
    })
  )
})
