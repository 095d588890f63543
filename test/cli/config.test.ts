import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Program from "../support/Program.js"

/** A settings file, until the scope ends. */
const file = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "achat-config-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const path = join(folder, "chat.toml")
      writeFileSync(path, text)
      return path
    }
  )

const check = (path: string) => Program.run(["config", "--check", "--config", path])

describe("a-chat config", () => {
  it.scopedLive("tells each setting with where it comes from, the environment before the file", () =>
    Effect.gen(function* () {
      const path = yield* file('# a comment\nport = 9000\nmax-line = "4KiB"\ngrace = "1s"\nlimit-loopback = true\n')
      const environment = { ACHAT_GRACE: "3s", ACHAT_RATE: "" }
      const { errors, output, status } = yield* Program.run(["config", "--config", path], { environment })
      assert.deepStrictEqual([status, errors], [0, ""])
      const from = new Map(
        output
          .split("\n")
          .slice(0, -1)
          .map((line) => line.split(/ {2,}/u))
          .map(([name, ...rest]) => [name, rest])
      )
      assert.deepStrictEqual(from.get("port"), ["9000", `${path}:2`])
      assert.deepStrictEqual(from.get("max-line"), ["4KiB", `${path}:3`])
      assert.deepStrictEqual(from.get("grace"), ["3s", "ACHAT_GRACE"])
      assert.deepStrictEqual(from.get("limit-loopback"), ["true", `${path}:5`])
      assert.deepStrictEqual(from.get("rate"), ["off", "default"])
    })
  )

  it.scopedLive("tells every mistake with its line, and exits with 2", () =>
    Effect.gen(function* () {
      const path = yield* file('port = 99999\nmax-lin = 3\n\nrate = "fast"\nlimit-loopback = "maybe"\n')
      const { errors, output, status } = yield* check(path)
      assert.deepStrictEqual([status, output], [2, ""])
      assert.sameMembers(errors.split("\n").slice(0, -1), [
        `a-chat: ${path}:1: port: "99999" is out of range; allowed: 0 to 65535`,
        `a-chat: ${path}:2: max-lin is no setting; see a-chat serve --help`,
        `a-chat: ${path}:4: rate: "fast" is not a whole number; allowed: off, or 1 to 1,000,000`,
        `a-chat: ${path}:5: limit-loopback: "maybe" is neither yes nor no`
      ])
    })
  )

  it.scopedLive("tells what is wrong with the file itself, and with settings together", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [text: string, mistake: RegExp]> = [
        ["port = 1\nrate = = 3\n", /chat\.toml:2: /u],
        ["[server]\nport = 1\n", /chat\.toml:1: server is a table/u],
        ["port = 1979-05-27\n", /chat\.toml:1: port is a table or a date/u],
        ['rate = 5\nstall-timeout = "1s"\n', /chat\.toml:2: --stall-timeout: 1 s is shorter than --hold-timeout, 2 s/u]
      ]
      for (const [text, mistake] of cases) {
        const { errors, status } = yield* check(yield* file(text))
        assert.match(errors, mistake)
        assert.strictEqual(status, 2)
      }
      assert.match((yield* check("/nowhere/chat.toml")).errors, /cannot read \/nowhere\/chat\.toml: ENOENT/u)
    })
  )

  it.scopedLive("is content with a good file, and with none", () =>
    Effect.gen(function* () {
      const quiet = { status: 0, output: "", errors: "" }
      assert.deepStrictEqual(yield* check(yield* file("")), quiet)
      assert.deepStrictEqual(yield* check(yield* file('hold-timeout = "1s"\nstall-timeout = "2s"\n')), quiet)
      assert.deepStrictEqual(yield* Program.run(["config", "--check"]), quiet)
    })
  )
})

describe("a-chat serve", () => {
  it.scopedLive("takes its settings from a file, below the environment and the flags", () =>
    Effect.gen(function* () {
      const path = yield* file("max-line = 100\nmax-recipients = 3\nrate = 7\n")
      const environment = { ACHAT_CONFIG: path, ACHAT_RATE: "8" }
      const { port } = yield* Program.serve(["--max-recipients", "4"], { environment })
      const { output } = yield* Program.run(["connect", "--port", port], { input: "/hello\n" })
      assert.include(output, " max-line=100 max-recipients=4 max-name=32 rate=8: ")
    })
  )

  it.scopedLive("does not start with a file that has a mistake, and says how to see all of them", () =>
    Effect.gen(function* () {
      const path = yield* file("port = -1\nrate = -1\nspeed = 1\n")
      const { errors, status } = yield* Program.run(["serve", `--config=${path}`])
      assert.strictEqual(status, 2)
      assert.match(
        errors,
        /^a-chat: \S+chat\.toml:3: speed is no setting.* \(and 2 more; a-chat config --check --config \S+ tells\)\n$/u
      )
    })
  )
})

describe("SIGHUP", () => {
  it.scopedLive("reads the file again: what can change does, what cannot is named, and flags stay", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\nrate = 50\n")
      const server = yield* Program.serve(["--config", path, "--max-line", "100"])
      const hello = Effect.map(
        Program.run(["connect", "--port", server.port], { input: "/hello\n" }),
        ({ output }) => output
      )
      assert.include(yield* hello, " max-line=100 max-recipients=3 max-name=32 rate=50: ")
      writeFileSync(path, 'max-recipients = 4\nmax-line = 5000\nadmin = "9000"\nlog-level = "debug"\n')
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="settings read again" .*changed=max-recipients,rate,log-level/u)
      yield* server.says("errors", /message="settings that need a restart to change" settings=admin/u)
      assert.include(yield* hello, " max-line=100 max-recipients=4 max-name=32: ")
    })
  )

  it.scopedLive("changes nothing with a file that has mistakes, and tells each", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.serve(["--config", path])
      writeFileSync(path, "max-recipients = 4\nrate = -1\nspeed = 2\n")
      yield* server.kill("SIGHUP")
      yield* server.says(
        "errors",
        /message="the settings stay as they were" mistake=".*chat\.toml:3: speed is no setting/u
      )
      yield* server.says("errors", /message="the settings stay as they were" mistake=".*chat\.toml:2: rate: /u)
      const { output } = yield* Program.run(["connect", "--port", server.port], { input: "/hello\n" })
      assert.include(output, " max-recipients=3 ")
    })
  )
})
