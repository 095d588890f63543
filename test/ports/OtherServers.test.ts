import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as OtherServers from "../../src/ports/OtherServers.js"
import type { OtherServer, OtherServersPart, OtherServersService, ServerMessage } from "../../src/ports/OtherServers.js"
import { startKeptNodes } from "../support/KeptNodes.js"
import { settle } from "../support/Turns.js"

/** A server, and what two of its parts have learned about the others. */
interface TestServer {
  readonly others: OtherServersService
  readonly part: OtherServersPart
  readonly otherPart: OtherServersPart
  readonly events: Array<readonly [event: string, server: string, message?: ServerMessage]>
}

/** Servers that know each other. */
interface TestServers {
  readonly servers: ReadonlyArray<TestServer>
  /** Runs something in the broker's turn of a server. */
  readonly inTurn: (server: TestServer, run: () => void) => void
  /** The others lose this server. */
  readonly lose: (server: TestServer) => void
}

/** Registers two parts, and records what they learn. */
const registered = (others: OtherServersService): TestServer => {
  const events: TestServer["events"] = []
  const part = others.part("tested", {
    appeared: ({ id }) => void events.push(["appeared", id]),
    received: ({ id }, message) => void events.push(["received", id, message]),
    lost: ({ id }) => void events.push(["lost", id])
  })
  const otherPart = others.part("other", { received: ({ id }, message) => void events.push(["other", id, message]) })
  return { others, part, otherPart, events }
}

const alone: Effect.Effect<TestServers> = Effect.map(OtherServers.OtherServers, (others) => ({
  servers: [registered(others)],
  inTurn: (_: TestServer, run: () => void) => run(),
  lose: () => {}
})).pipe(Effect.provide(OtherServers.none))

const ofCluster = (...names: ReadonlyArray<string>): Effect.Effect<TestServers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const servers: Array<TestServer> = []
    const { cluster } = yield* startKeptNodes(names, { register: (others) => void servers.push(registered(others)) })
    const nodeOf = (server: TestServer) => cluster.node(names[servers.indexOf(server)] ?? "")
    return {
      servers,
      inTurn: (server, run) => nodeOf(server).host.inTurn(run),
      lose: (server) => cluster.lose(nodeOf(server))
    }
  })

const adapters: Readonly<Record<string, Effect.Effect<TestServers, never, Scope.Scope>>> = {
  "OtherServers.none": alone,
  "ServersOfStore, two servers": ofCluster("a", "b"),
  "ServersOfStore, three servers": ofCluster("a", "b", "c")
}

/** Checks each server, with the others next to it. */
const eachOf =
  (start: Effect.Effect<TestServers, never, Scope.Scope>) =>
  (check: (server: TestServer, those: ReadonlyArray<TestServer>, all: TestServers) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const started = yield* start
      yield* settle
      const { servers } = started
      for (const server of servers) {
        for (const { events } of servers) events.length = 0
        const those = servers.filter((other) => other !== server)
        yield* check(server, those, started)
      }
    })

/** One of the others, as this server knows it. */
const known = (server: TestServer, { others }: TestServer): OtherServer => {
  const found = server.others.all.find(({ id }) => id === others.self)
  assert(found !== undefined)
  return found
}

for (const [name, start] of Object.entries(adapters)) {
  describe(`OtherServers: ${name}`, () => {
    const each = eachOf(start)

    it.scoped("lists the other servers, each once and none of them itself, and has announced each", () =>
      Effect.gen(function* () {
        const { servers } = yield* start
        yield* settle
        for (const server of servers) {
          const ids = servers.filter((other) => other !== server).map(({ others }) => others.self)
          assert.sameMembers(
            server.others.all.map(({ id }) => id),
            ids
          )
          assert.sameDeepMembers(
            server.events,
            ids.map((id) => ["appeared", id])
          )
        }
      })
    )

    it.scoped("gives each message once and in order to the same part of every other server", () =>
      each((server, those, { inTurn }) =>
        Effect.gen(function* () {
          const { self } = server.others
          inTurn(server, () => {
            server.part.send("first")
            server.part.send(["second", { third: null }])
            server.otherPart.send(4)
          })
          yield* settle
          assert.deepStrictEqual(server.events, [])
          for (const { events } of those) {
            assert.deepStrictEqual(events, [
              ["received", self, "first"],
              ["received", self, ["second", { third: null }]],
              ["other", self, 4]
            ])
          }
        })
      )
    )

    it.scoped("gives a message to one server only, where one is named", () =>
      each((server, those, { inTurn }) =>
        Effect.gen(function* () {
          inTurn(server, () => {
            for (const [index, other] of those.entries()) server.part.send(index, known(server, other))
          })
          yield* settle
          for (const [index, { events }] of those.entries())
            assert.deepStrictEqual(events, [["received", server.others.self, index]])
        })
      )
    )

    it.scoped("replaces a message about the same that has not been sent, and the new one goes after all others", () =>
      each((server, those, { inTurn }) =>
        Effect.gen(function* () {
          inTurn(server, () => {
            server.part.send("old", undefined, "topic")
            server.part.send("between")
            server.part.send("new", undefined, "topic")
          })
          yield* settle
          for (const { events } of those) {
            assert.deepStrictEqual(
              events.map(([, , message]) => message),
              ["between", "new"]
            )
          }
        })
      )
    )

    it.scoped("has nothing wait for a server that takes messages", () =>
      each((server, those) =>
        Effect.sync(() => {
          for (const other of those) assert.isFalse(server.part.mustWait(known(server, other)))
        })
      )
    )

    it.scoped("runs what depends on the other servers with all of them, and passes its result and failure on", () =>
      each(({ others }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* others.during((all) => Effect.succeed(all)), others.all)
          assert.deepStrictEqual(yield* Effect.exit(others.during(() => Effect.fail("no"))), Exit.fail("no"))
        })
      )
    )

    it.scoped("reports a lost server once, and no longer lists it", () =>
      Effect.gen(function* () {
        const { lose, servers } = yield* start
        yield* settle
        const gone = servers.at(-1)
        assert(gone !== undefined)
        const those = servers.slice(0, -1)
        for (const { events } of those) events.length = 0
        lose(gone)
        yield* settle
        for (const { events, others } of those) {
          assert.deepStrictEqual(events, [["lost", gone.others.self]])
          assert.notInclude(
            others.all.map(({ id }) => id),
            gone.others.self
          )
        }
      })
    )
  })
}
