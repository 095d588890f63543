import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { runScript } from "../support/OtherProcesses.js"
import { faultTest, received } from "../support/FaultTest.js"

const sorted = (lines: Iterable<string>) => [...lines].toSorted()

describe("a connection that breaks", () => {
  faultTest("fifty clients are killed with SIGKILL in the middle of a line", {}, (server) =>
    Effect.gen(function* () {
      const bob = yield* server.join("bob")
      const child = yield* runScript(
        server.port,
        `
        let ready = 0
        for (let i = 0; i < 50; i++) {
          let reads = 0
          const heard = () => {
            reads += 1
            if (reads === 1) {
              socket.write("c" + i + ": unread\\nbob: whole " + i + "\\nbob: unfinished " + i)
              // Half of them stop reading, so the kernel holds unread input for each.
              if (i % 2 === 0) return false
            } else if (++ready === 25) console.log("ready")
          }
          const onread = { buffer: Buffer.alloc(1000), callback: heard }
          const socket = net.connect({ port, host: "127.0.0.1", onread })
          socket.write("c" + i + "\\nc" + i + ": in\\n")
        }`
      )
      const whole = yield* bob.takeLines(50)
      assert.deepStrictEqual(sorted(whole), sorted(Array.from({ length: 50 }, (_, i) => `from c${i}: whole ${i}`)))
      yield* bob.barrier // after this, everything is with the kernels
      child.kill("SIGKILL")
      yield* server.closed(25, "connection-lost")
      yield* server.closed(25, "left")
      // The kernel ends the streams of a killed process in an orderly way, so an unfinished last line counts, as for
      // any client. A stream with unread input is reset instead, and its unfinished line is dropped.
      assert.deepStrictEqual(
        sorted(yield* received(bob)),
        sorted(Array.from({ length: 25 }, (_, i) => `from c${2 * i + 1}: unfinished ${2 * i + 1}`))
      )
      yield* bob.send("c0, c1: anybody?\n")
      yield* bob.expect("! undelivered c0, c1 reason=offline")
    })
  )

  faultTest("a thousand resets in the middle of a line", {}, (server) =>
    Effect.gen(function* () {
      const bob = yield* server.join("bob")
      const rounds = Array.from({ length: 1000 }, (_, i) => i)
      yield* Effect.forEach(
        rounds,
        (i) =>
          Effect.scoped(
            Effect.gen(function* () {
              const client = yield* server.join(`c${i}`)
              yield* Effect.zipRight(client.send(`bob: whole ${i}\nbob: unfinished ${i}`), client.reset)
            })
          ),
        { concurrency: 50 }
      )
      yield* server.closed(1000, "connection-lost")
      assert.deepStrictEqual(sorted(yield* received(bob)), sorted(rounds.map((i) => `from c${i}: whole ${i}`)))
      return ({ accepted, written }) => {
        assert.strictEqual(accepted, 1 + 2 * 1000, "the barriers, bob's lines and theirs, and the whole lines")
        assert.strictEqual(written, accepted)
      }
    })
  )

  // Guard: the 'error' listener, attached first of all in the constructor of src/transport/NetSocket.ts.
  // Half of them send nothing, which is logged at debug level.
  const verbose = { args: ["--log-level", "debug"] }
  faultTest("four hundred connect and reset before they are accepted", verbose, (server) =>
    Effect.gen(function* () {
      const alice = yield* server.join("alice")
      yield* server.kill("SIGSTOP")
      const script = `
        const net = require("node:net")
        for (let i = 0; i < 400; i++) {
          const socket = net.connect(${server.port}, "127.0.0.1", () => {
            if (i % 2 === 0) socket.write("c" + i + "\\nalice: " + i + "\\nalice: unfinished")
            socket.resetAndDestroy()
          })
          socket.on("error", () => {})
        }`
      const { status, stderr } = spawnSync(process.execPath, ["-e", script], { timeout: 10_000 })
      assert.strictEqual(status, 0, String(stderr))
      yield* server.kill("SIGCONT")
      yield* server.closed(400, "connection-lost")
      // What they sent may be lost, but nothing arrives twice, and nothing unfinished arrives.
      const lines = yield* received(alice)
      assert.strictEqual(new Set(lines).size, lines.length)
      for (const line of lines) assert.match(line, /^from c(\d+): \1$/)
      yield* alice.send("/who\n")
      yield* alice.expect("* who 2: alice, bystander")
    })
  )

  faultTest("five thousand connect, log in, send and reset", {}, (server) =>
    Effect.gen(function* () {
      const alice = yield* server.join("alice")
      yield* runScript(
        server.port,
        `
        let begun = 0, ended = 0
        const visit = () => {
          if (begun === 5000) return
          const i = begun++
          const socket = net.connect(port, "127.0.0.1", () => {
            socket.write("c" + i + "\\nalice, nobody: " + i + "\\n", () => socket.resetAndDestroy())
          })
          socket.on("error", () => {})
          socket.on("close", () => {
            ended++
            if (ended === 5000) console.log("ready")
            visit()
          })
        }
        for (let i = 0; i < 50; i++) visit()`
      )
      yield* server.closed(5000, "connection-lost")
      const lines = yield* received(alice)
      assert.strictEqual(new Set(lines).size, lines.length, "none arrived twice")
      for (const line of lines) assert.match(line, /^from c(\d+): \1$/)
      yield* alice.send("/who\n")
      yield* alice.expect("* who 2: alice, bystander")
      return ({ accepted, dead, returned, written }) => {
        // One copy for alice, and one returned, of which some senders had already gone.
        assert.strictEqual(accepted, 1 + 2 * lines.length)
        assert.strictEqual(written, 1 + lines.length)
        assert.strictEqual(returned + dead, lines.length)
      }
    })
  )
})
