import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import * as WatchedServer from "../support/WatchedServer.js"

/** A device to which no byte can be written. */
const full = "/dev/full"

const missing = existsSync(full) ? undefined : `there is no ${full}`

const message = "a-chat: cannot write the output: ENOSPC: no space left on device, write\n"

/** Commands with output, where `PORT` is that of a server, and their input. */
const commands: ReadonlyArray<readonly [command: string, input: string]> = [
  ["who --port PORT", ""],
  ["who --json --port PORT", ""],
  ["ping --count 1 --port PORT", ""],
  ["ping --count 3 --interval 0 --port PORT", ""],
  ["ping --count 1 --json --port PORT", ""],
  ["config", ""],
  ["connect --login alice --port PORT", "alice: hi\n"],
  ["send --json --login alice --port PORT alice hi", ""],
  ["send --json --login alice --port PORT nobody hi", ""],
  ["ask --json --port PORT nobody hi", ""],
  ["--help", ""],
  ["serve --help", ""],
  ["--version", ""],
  ["--completions bash", ""]
]

describe.skipIf(missing !== undefined)("a-chat, whose output cannot be written", () => {
  it.scopedLive("exits with 2 and says so, whatever the command", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      for (const [command, input] of commands) {
        const args = command.replace("PORT", port).split(" ")
        const ended = yield* Program.runProcess(args, { input, before: `exec > ${full}` })
        assert.deepStrictEqual(ended, { status: 2, output: "", errors: message }, command)
      }
    })
  )

  it.scopedLive("exits with 2 as soon as a message cannot be printed", () =>
    Effect.gen(function* () {
      const { joined, port } = yield* WatchedServer.make()
      for (const json of [[], ["--json"]]) {
        const args = ["listen", "--port", port, "--login", "bob", ...json]
        const bob = yield* Program.start(args, { input: "", before: `exec > ${full}` })
        yield* joined("bob")
        // It was not acknowledged, so the sender knows.
        assert.strictEqual((yield* Program.run(["send", "--port", port, "bob", "hi"])).status, 1)
        assert.deepStrictEqual(yield* bob.ended, { status: 2, output: "", errors: message })
      }
    })
  )

  it.scopedLive("keeps the status of a command that failed otherwise", () =>
    Effect.gen(function* () {
      const { errors, status } = yield* Program.runProcess(["who", "--port", "1"], {
        input: "",
        before: `exec > ${full}`
      })
      assert.strictEqual(status, 2)
      assert.match(errors, /^a-chat: cannot connect [^\n]*\n$/u)
    })
  )
})
