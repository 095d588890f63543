import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Address } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import { finalLedger } from "../support/FaultTest.js"
import { turns } from "../support/Turns.js"
import * as WireClient from "../support/WireClient.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { unhindered } from "../support/CpuTime.js"

const addressOf = ({ port }: { readonly port: string }): Address => Tcp.address("127.0.0.1", Number(port))

/** Keeps the recipient's queue and its own socket full of numbered lines until the connection ends. */
const flood = (client: WireClient.WireClient, to: string) =>
  Effect.gen(function* () {
    for (let from = 0; !client.hasEnded; yield* turns(1)) {
      if (client.untaken > 1_000_000) continue
      yield* client.send(Array.from({ length: 500 }, (_, i) => `${to}: ${from + i}\n`).join(""))
      from += 500
    }
  })

describe("the end of the program", () => {
  it.scopedLive("at SIGTERM during a flood from both sides, every line is delivered or refused, in order", (context) =>
    Effect.gen(function* () {
      // Its own 10 s would also pass while the kernel runs other programs.
      const server = yield* Program.startServer(["--grace", "5m"])
      const address = addressOf(server)
      const names = Array.from({ length: 8 }, (_, i) => `c${i}`)
      const clients = yield* Effect.forEach(names, (name) => WireClient.join(address, name))
      const other = (i: number) => clients[i ^ 1] as WireClient.WireClient // in range: there is an even number
      const floods = yield* Effect.forEach(clients, (client, i) => Effect.fork(flood(client, other(i).name)))
      for (const client of clients)
        yield* client.until("the flood", () => (client.lines.length > 1_000 ? true : undefined))
      const sinceSignal = unhindered(server.pid)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      const took = sinceSignal()
      yield* Effect.forEach(floods, Fiber.join)
      let [delivered, refused] = [0, 0]
      for (const [i, client] of clients.entries()) {
        const head = `from ${other(i).name}: `
        const messages = client.lines.filter((line) => line.startsWith("from "))
        assert.deepStrictEqual(
          messages.findIndex((line, index) => line !== `${head}${index}`),
          -1
        )
        const others = client.lines.filter((line) => !line.startsWith("from "))
        assert.isUndefined(others.find((line) => !line.startsWith("! closing: ")))
        delivered += messages.length
        refused += others.length
      }
      const figures = `${delivered} lines delivered, ${refused} refused; ended in ${took.toFixed(0)} ms`
      yield* Effect.promise(() => context.annotate(figures))
      assert.isAbove(refused, 0)
      const account = finalLedger(errors)
      assert.deepStrictEqual(account, {
        accepted: delivered + names.length,
        written: delivered + names.length,
        received: 0,
        returned: 0,
        dead: 0
      })
      assert.strictEqual(status, 0)
      assert.isBelow(took, 10_000)
    })
  )

  it.live("at SIGTERM at any moment of its start, it exits without an error and leaves no socket file", () =>
    Effect.forEach(
      Array.from({ length: 10 }, (_, i) => i * 40),
      (millis) =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const path = join(folder, "s")
          const program = yield* Program.start(["serve", "--port", "0", "--unix", path, "--log-format", "logfmt"])
          yield* Effect.sleep(millis) // the moment is what this is about
          yield* program.kill("SIGTERM")
          const { errors, output, status } = yield* program.ended
          // Before Node handles signals, the kernel kills the process. After that, it drains, with nothing to deliver.
          assert.include([null, 143, 0], status)
          assert.strictEqual(output, "")
          for (const line of errors.split("\n").slice(0, -1)) assert.match(line, /^timestamp=\S+ level=(INFO|WARN) /)
          if (/message=listening/u.test(errors)) assert.deepStrictEqual([status, finalLedger(errors).accepted], [0, 0])
          assert.isFalse(existsSync(path))
        }).pipe(Effect.scoped),
      { concurrency: 2 }
    )
  )

  it.scopedLive("at SIGTERM without clients it is immediate", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      const clock = unhindered(server.pid)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.isBelow(clock(), 2_000)
      assert.deepStrictEqual([status, finalLedger(errors).accepted], [0, 0])
    })
  )

  it.scopedLive("at two SIGTERMs during a flood it is immediate", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer(["--grace", "1m", "--outbox-bytes", "64KiB"])
      const alice = yield* WireClient.join(addressOf(server), "alice")
      const stuck = yield* WireClient.join(addressOf(server), "stuck")
      yield* stuck.pause
      const line = `stuck: ${"x".repeat(30_000)}\n`
      yield* alice.send(line.repeat(500))
      yield* server.kill("SIGTERM")
      yield* server.says("errors", /message=draining/u)
      const clock = unhindered(server.pid)
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 143)
      assert.isBelow(clock(), 2_000)
      yield* alice.closed
    })
  )

  it.scopedLive("after kill -9 a new server gets the same port at once, and the same names are free", () =>
    Effect.gen(function* () {
      let server = yield* Program.startServer()
      const { port } = server
      for (let round = 0; round < 5; round++) {
        const alice = yield* WireClient.join(addressOf({ port }), "alice")
        const bob = yield* WireClient.join(addressOf({ port }), "bob")
        // In the middle of a flood: lines on their way are lost, and both clients see the end.
        yield* alice.send("bob: hi\n".repeat(50_000))
        yield* bob.until("the flood", () => (bob.lines.length > 1_000 ? true : undefined))
        yield* server.kill("SIGKILL")
        assert.isNull((yield* server.ended).status)
        yield* alice.closed
        yield* bob.closed
        server = yield* Program.startServer(["--port", port])
        assert.strictEqual(server.port, port)
      }
    })
  )
})
