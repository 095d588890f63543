import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import * as WatchedServer from "../support/WatchedServer.js"

/**
 * Each command, with its input; `PORT` is that of a server with the client bob, and `SILENT` of one that never answers.
 */
const runs: ReadonlyArray<readonly [command: string, input: string]> = [
  ["--version", ""],
  ["--help", ""],
  ["--completions bash", ""],
  ["serve --help", ""],
  ["serve --port 99999", ""],
  ["serve --tls-cert /nowhere --tls-key /nowhere --listen tls://127.0.0.1:0", ""],
  ["config", ""],
  ["config --check --config /nowhere", ""],
  ["bogus", ""],
  ["who", ""],
  ["who --port 1", ""],
  ["who --port PORT --json", ""],
  ["who --port SILENT --timeout 50ms", ""],
  ["ping --port PORT --count 0", ""],
  ["ping --port 1", ""],
  ["send --port PORT watcher hi", ""],
  ["send --port PORT --json watcher,carol", "one\ntwo\n"],
  ["send --port PORT carol", "one\ntwo"],
  ["send --port SILENT --timeout 50ms bob hi", ""],
  ["ask --port PORT carol hi", ""],
  ["ask --port PORT --timeout 1h", "hi"],
  ["connect --port PORT", "alice\nalice: hi\n"],
  ["connect --port PORT --login watcher", ""],
  ["listen --port SILENT --login alice --timeout 2s", ""], // its status depends on whether it is connected yet
  ["exec --port 1 --login alice --no-reconnect -- cat", ""],
  ["control --socket /nowhere list", ""]
]

/** Without the times of log lines. */
const timeless = (ended: Program.Ended) => ({ ...ended, errors: ended.errors.replaceAll(/^timestamp=\S+ /gmu, "") })

describe.concurrent("a command that a test runs in its own process", () => {
  for (const [command, input] of runs) {
    it.scopedLive(`has the status and the output of a process: ${command}`, () =>
      Effect.gen(function* () {
        const { port } = yield* WatchedServer.make()
        const silent = yield* FakeServer.make((socket) => socket.resume())
        const args = command.replace("PORT", port).replace("SILENT", `${silent.port}`).split(" ")
        const environment = { ACHAT_PORT: port, ACHAT_PROT: "1" }
        const inProcess = timeless(yield* Program.run(args, { input, environment }))
        assert.deepStrictEqual(inProcess, timeless(yield* Program.runProcess(args, { input, environment })))
        assert.notStrictEqual(inProcess.output + inProcess.errors, "")
      })
    )
  }
})
