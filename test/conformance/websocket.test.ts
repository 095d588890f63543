import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Server from "../../src/chat/Server.js"
import { overWebSocket } from "../support/WebSocketServer.js"

const main = fileURLToPath(new URL("../../scripts/conformance/main.mjs", import.meta.url))

const start = Logger.withMinimumLogLevel(Server.start({ listen: [overWebSocket(undefined)] }), LogLevel.None)

/** Runs the suite against a WebSocket. */
const run = (port: number | undefined, ...args: ReadonlyArray<string>) =>
  Effect.async<{ readonly status: number; readonly output: string }>((resume) => {
    execFile(process.execPath, [main, "--websocket", "--port", String(port), ...args], (error, output) =>
      resume(Effect.succeed({ status: error === null ? 0 : Number(error.code), output }))
    )
  })

const rows = (output: string, state: string): ReadonlyArray<string> =>
  [...output.matchAll(new RegExp(`^${state} +(.*?) {2,}(?:original|promises|rooms)`, "gm"))].map(
    ([, name]) => name ?? ""
  )

describe("the conformance suite over WebSocket", () => {
  it.scopedLive(
    "finds no fault, and leaves out only what a WebSocket cannot do, which fails there",
    () =>
      Effect.gen(function* () {
        const { address } = yield* start
        const { output, status } = yield* run(address.port, "--patience", "15")
        assert.strictEqual(status, 0, output)
        const elsewhere = output.split("\n").filter((line) => !/\(needs --(?:command|tls)\)$/.test(line))
        const left = rows(elsewhere.join("\n"), "skipped")
        assert.isAbove(left.length, 0)
        assert.deepStrictEqual(
          left.filter((name) => !/UTF-8|telnet|half-closes|sending half/.test(name)),
          []
        )
        const anyway = yield* run(
          address.port,
          "--anyway",
          "--patience",
          "0.5",
          ...left.flatMap((one) => ["--only", one])
        )
        assert.deepStrictEqual(rows(anyway.output, "failed"), left, anyway.output)
      }),
    120_000 // beside other programs that are busy
  )
})
