import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as WireClient from "../support/WireClient.js"

describe.concurrent("a-chat who", () => {
  it.scopedLive("prints one name per line, and other clients do not see it", () =>
    Effect.gen(function* () {
      const { address, joined, port, watcher } = yield* WatchedServer.make()
      yield* WireClient.join(address, "élan")
      yield* joined("élan")
      const { errors, output, status } = yield* Program.run(["who", "--port", port])
      assert.sameMembers(output.split("\n"), ["watcher", "élan", ""])
      assert.deepStrictEqual([status, errors], [0, ""])
      yield* watcher.barrier
      assert.deepStrictEqual(watcher.lines, [])
    })
  )

  it.scopedLive("prints objects with --json", () =>
    Effect.gen(function* () {
      const { port } = yield* WatchedServer.make()
      const { output } = yield* Program.run(["who", "--json", "--port", port])
      assert.strictEqual(output, `{"name":"watcher"}\n`)
    })
  )

  it.scopedLive("prints nothing when no client is logged in", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      assert.deepStrictEqual(yield* Program.run(["who", "--port", port]), { status: 0, output: "", errors: "" })
    })
  )

  it.scopedLive("asks again at most ten times a second, whatever pause the server asks for", () =>
    Effect.gen(function* () {
      let asked = 0
      const { port } = yield* FakeServer.make((socket) =>
        socket.on("data", () => {
          asked += 1
          socket.write(asked < 4 ? "! slow-down retry=0: too many lines\n" : "* who 1: bob\n")
        })
      )
      const before = performance.now()
      const { output, status } = yield* Program.run(["who", "--port", `${port}`])
      assert.deepStrictEqual([status, output, asked], [0, "bob\n", 4])
      assert.isAtLeast(performance.now() - before, 290)
    })
  )

  it.scopedLive("prints all names of a reply of many lines", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 20_000 }, (_, i) => `name-${i}`)
      const { port } = yield* FakeServer.make((socket) =>
        socket.once("data", () => {
          for (let at = 0; at < names.length; at += 100) {
            socket.write(`* who ${names.length}: ${names.slice(at, at + 100).join(", ")}\n`)
          }
        })
      )
      const { output, status } = yield* Program.run(["who", "--port", `${port}`])
      assert.strictEqual(output, `${names.join("\n")}\n`)
      assert.strictEqual(status, 0)
    })
  )

  it.scopedLive("exits with 2 when the server is silent, full, closing, or not there", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const silent = yield* Program.run(["who", "--port", `${original.port}`, "--timeout", "100ms"])
      assert.match(silent.errors, /^a-chat: no reply within 100ms; an original a-chat server [^\n]*\n$/u)
      const full = yield* FakeServer.make((socket) => socket.end("! full retry=1 fatal: try later\n"))
      const refused = yield* Program.run(["who", "--port", `${full.port}`])
      assert.strictEqual(refused.errors, "a-chat: full: try later\n")
      const { port } = yield* Effect.scoped(FakeServer.original)
      const nobody = yield* Program.run(["who", "--port", `${port}`])
      assert.match(nobody.errors, /^a-chat: cannot connect to [^\n]*\n$/u)
      const closing = yield* FakeServer.make((socket) => socket.end())
      const closed = yield* Program.run(["who", "--port", `${closing.port}`])
      assert.strictEqual(closed.errors, "a-chat: the connection was lost\n")
      assert.deepStrictEqual([silent.status, refused.status, nobody.status, closed.status], [2, 2, 2, 2])
    })
  )

  it.scopedLive("ends quietly when the reader of its output is gone", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.make((socket) =>
        socket.once("data", () => socket.write(`* who 1: ${"x".repeat(60_000)}\n`))
      )
      const who = yield* Program.start(["who", "--port", `${port}`])
      who.output.destroy()
      const { errors, status } = yield* who.ended
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )

  it.live("refuses an argument", () =>
    Effect.map(Program.run(["who", "bob"]), ({ errors, status }) => {
      assert.match(errors, /^a-chat: [^\n]*bob[^\n]*\n$/u)
      assert.strictEqual(status, 2)
    })
  )
})
