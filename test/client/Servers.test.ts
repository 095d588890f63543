import { assert, describe, it } from "@effect/vitest"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Servers from "../../src/client/Servers.js"
import { TransportError, type Hint, type Socket } from "../../src/ports/Transport.js"

const socket = {} as Socket

const failure = (at: string, hint: Hint = "no-server") =>
  new TransportError({ during: "Connect", reason: `no ${at}`, hint, code: "ECONNREFUSED" })

/** Servers of these names: which of them are there, and which were tried. */
const world = (...names: NonEmptyReadonlyArray<string>) => {
  const down = new Set<string>()
  const hanging = new Set<string>()
  const tried: Array<string> = []
  const connect = (name: string) =>
    Effect.suspend(() => {
      tried.push(name)
      if (hanging.has(name)) return Effect.never
      return down.has(name) ? Effect.fail(failure(name)) : Effect.succeed(socket)
    })
  const [first, ...others] = names
  return { servers: Servers.make([connect(first), ...others.map(connect)]), down, hanging, tried }
}

describe("Servers", () => {
  it.effect("tries them in the given order, from the first, until one is there", () =>
    Effect.gen(function* () {
      const { down, servers, tried } = world("a", "b", "c")
      down.add("a")
      assert.strictEqual(yield* servers.socket, socket)
      assert.isFalse(servers.hasTriedAll())
      down.delete("a")
      yield* servers.socket
      assert.deepStrictEqual(tried, ["a", "b", "a"])
    })
  )

  it.effect("fails with the reasons of all, and the advice that they share", () =>
    Effect.gen(function* () {
      const { down, servers } = world("a", "b")
      down.add("a").add("b")
      const error = yield* Effect.flip(servers.socket)
      assert.deepInclude(error, { reason: "no a; no b", hint: "no-server", code: "ECONNREFUSED" })
      assert.isTrue(servers.hasTriedAll())
      const mixed = Servers.make([Effect.fail(failure("a")), Effect.fail(failure("b", "unknown-host"))])
      assert.isUndefined((yield* Effect.flip(mixed.socket)).hint)
      const alone = failure("a")
      assert.strictEqual(yield* Effect.flip(Servers.make([Effect.fail(alone)]).socket), alone)
    })
  )

  it.effect("comes back to a server that it has left after all others, in any order", () =>
    Effect.gen(function* () {
      const orders = new Set<string>()
      for (let i = 0; i < 100; i++) {
        const { down, servers, tried } = world("a", "b", "c", "d")
        yield* servers.socket
        yield* servers.leave
        for (const name of ["a", "b", "c", "d"]) down.add(name)
        yield* Effect.flip(servers.socket)
        assert.strictEqual(tried.at(-1), "a")
        orders.add(tried.join(""))
      }
      assert.strictEqual(orders.size, 6)
    })
  )

  it.effect("leaves the server of an attempt that was given up", () =>
    Effect.gen(function* () {
      const { down, hanging, servers, tried } = world("a", "b")
      hanging.add("b")
      down.add("a")
      yield* Effect.raceFirst(servers.socket, Effect.yieldNow())
      yield* servers.leave
      assert.isFalse(servers.hasTriedAll())
      down.delete("a")
      yield* servers.socket
      assert.deepStrictEqual(tried, ["a", "b", "a"])
    })
  )
})
