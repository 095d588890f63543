import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import type { Socket } from "node:net"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"

/** A server that sends the same bytes for ever, as fast as they are read. */
const flooding = (text: string) =>
  FakeServer.make((socket: Socket) => {
    const bytes = Buffer.from(text)
    const go = () => {
      while (!socket.destroyed && socket.write(bytes));
    }
    socket.on("drain", go)
    socket.resume()
    go()
  })

const peakMegabytes = (pid: number) =>
  Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024

const names = [
  ["many short names", `* who 999999999: ${"a, ".repeat(20_000)}b\n`] as const,
  ["long names", `* who 999999999: ${"x".repeat(60_000)}\n`] as const,
  ["lines of one name", "* who 999999999: a\n".repeat(3_000)] as const,
  ["lines without names", "* who 999999999: , , , ,\n".repeat(2_500)] as const
]

const others = [
  ["empty lines", "\n".repeat(60_000)] as const,
  ["unknown lines", `* ${"x".repeat(60_000)}: x\n`] as const,
  ["parameters", `! busy ${"k=v ".repeat(15_000)}: x\n`] as const,
  ["answers that were not asked for", "* pong: 7\n".repeat(6_000)] as const
]

// One after the other: the program and the server compute in one thread, so that all of them would be as slow as the
// last.
describe("a-chat who, with a server that sends without end", () => {
  for (const [what, text] of names) {
    it.scopedLive(`gives up on ${what}`, () =>
      Effect.gen(function* () {
        const { port } = yield* flooding(text)
        const { errors, output, status } = yield* Program.run(["who", "--port", `${port}`, "--timeout", "1h"])
        assert.deepStrictEqual([status, output, errors], [2, "", "a-chat: the server's list of names is too long\n"])
      })
    )
  }
})

describe.concurrent("a-chat who and a-chat ping, with a server that sends without end", () => {
  for (const command of ["who", "ping"]) {
    for (const [what, text] of command === "who" ? others : [...names, ...others]) {
      it.scopedLive(`${command} takes little memory for ${what}, and ends in time`, () =>
        Effect.gen(function* () {
          const { port } = yield* flooding(text)
          const program = yield* Program.start([command, "--port", `${port}`, "--timeout", "1s"])
          yield* Effect.sleep("1100 millis")
          assert.isBelow(peakMegabytes(program.pid), 300)
          assert.strictEqual((yield* program.ended).status, 2)
        })
      )
    }
  }
})
