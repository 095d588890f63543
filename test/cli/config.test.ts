import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { unhindered } from "../support/CpuTime.js"

/** A settings file, until the scope ends. */
const file = (text: string) =>
  Effect.map(temporaryFolder, (folder) => {
    const path = join(folder, "chat.toml")
    writeFileSync(path, text)
    return path
  })

const check = (path: string) => Program.run(["config", "--check", "--config", path])

describe.concurrent("a-chat config", () => {
  it.scopedLive("lists each setting with its source, the environment before the file", () =>
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

  it.scopedLive("lists every mistake with its line, and exits with 2", () =>
    Effect.gen(function* () {
      const path = yield* file('port = 99999\nmax-lin = 3\n\nrate = "fast"\nlimit-loopback = "maybe"\n')
      const { errors, output, status } = yield* check(path)
      assert.deepStrictEqual([status, output], [2, ""])
      assert.deepStrictEqual(errors.split("\n").slice(0, -1), [
        `a-chat: ${path}:1: port: "99999" is out of range; allowed: 0 to 65535`,
        `a-chat: ${path}:2: max-lin is not a setting; did you mean max-line?`,
        `a-chat: ${path}:4: rate: "fast" is not a whole number; allowed: off, or 1 to 1,000,000`,
        `a-chat: ${path}:5: limit-loopback: "maybe" is neither yes nor no`
      ])
    })
  )

  it.scopedLive("lists mistakes of all kinds at once, in the order of the file", () =>
    Effect.gen(function* () {
      const path = yield* file(
        'rate-per-address = 5\nrate = "x"\nstall-timeout = "1s"\nlog_level = "info"\nsomething = 1\n[tls]\ncert = "x"\n'
      )
      const { errors, status } = yield* check(path)
      assert.strictEqual(status, 2)
      const told = errors.split("\n").slice(0, -1)
      const places = [
        [2, /rate: "x" is not a whole number/u],
        [3, /--stall-timeout: 1 s is shorter than --hold-timeout, 2 s/u],
        [4, /log_level is not a setting; did you mean log-level\?/u],
        [5, /something is not a setting; see a-chat serve --help/u],
        [6, /tls is a table or a date/u]
      ] as const
      assert.strictEqual(told.length, places.length)
      for (const [index, [line, mistake]] of places.entries()) {
        assert.include(told[index], `a-chat: ${path}:${line}: `)
        assert.match(told[index] ?? "", mistake)
      }
    })
  )

  it.scopedLive("reports no conflict between two settings while one of them is wrong by itself", () =>
    Effect.gen(function* () {
      const { errors } = yield* check(yield* file('hold-timeout = "500 mils"\nstall-timeout = "1s"\n'))
      assert.match(errors, /^a-chat: \S+:1: hold-timeout: [^\n]*\n$/u)
    })
  )

  it.scopedLive("reports certificates that do not exist, with which the server would not start", () =>
    Effect.gen(function* () {
      const lacking = yield* check(yield* file('listen = ["tls://127.0.0.1:0"]\n'))
      assert.deepStrictEqual([lacking.status, lacking.output], [2, ""])
      assert.match(lacking.errors, /a TLS listener needs both --tls-cert and --tls-key/u)
      const text = 'port = 0\ntls-cert = "/nowhere/cert.pem"\ntls-key = "/nowhere/key.pem"\n'
      assert.match((yield* check(yield* file(text))).errors, /\/nowhere\/cert\.pem/u)
    })
  )

  it.scopedLive("reads a file with CRLF and a BOM, and one that is not a settings file at all", () =>
    Effect.gen(function* () {
      const path = yield* file("\uFEFFrate = 5\r\nmax-recipients = 0\r\n")
      assert.match((yield* check(path)).errors, /^a-chat: \S+chat\.toml:2: max-recipients: [^\n]*\n$/u)
      const keys = Array.from({ length: 30_000 }, (_, at) => `other-setting-${at} = "value"`)
      const began = performance.now()
      const { errors, status } = yield* check(yield* file(keys.join("\n")))
      assert.isBelow(performance.now() - began, 15_000) // a minute when each mistake searched the whole file
      assert.deepStrictEqual([status, errors.split("\n").length - 1], [2, keys.length])
      assert.include(errors, "chat.toml:30000: other-setting-29999 is not a setting")
    })
  )

  it.scopedLive(
    "reads a file with a key of 100,000 parts, at the end or in a table's name, as quickly as any other",
    () =>
      Effect.gen(function* () {
        const parts = Array.from({ length: 100_000 }, (_, at) => `a${at}`).join(".")
        const keys = Array.from({ length: 30_000 }, (_, at) => `k${at} = 1`).join("\n")
        for (const text of [`${parts} = 1\n`, `[${parts}]\n${keys}\n`]) {
          const began = performance.now()
          const { errors, status } = yield* check(yield* file(text))
          // Half a minute, and then no memory, when every prefix of the key was remembered.
          assert.isBelow(performance.now() - began, 15_000)
          assert.strictEqual(status, 2)
          assert.match(errors, /^a-chat: \S+chat\.toml:1: a0 is a table or a date, which no setting can be\n$/u)
        }
      })
  )

  it.scopedLive("reports errors in the syntax of the file, and conflicts between settings", () =>
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

  it.scopedLive("prints nothing for a good file, and without a file", () =>
    Effect.gen(function* () {
      const quiet = { status: 0, output: "", errors: "" }
      assert.deepStrictEqual(yield* check(yield* file("")), quiet)
      assert.deepStrictEqual(yield* check(yield* file('hold-timeout = "1s"\nstall-timeout = "2s"\n')), quiet)
      assert.deepStrictEqual(yield* Program.run(["config", "--check"]), quiet)
    })
  )
})

/** Replaces a path by something that cannot be read to its end, and what is reported about it. */
const unreadable = [
  [(path: string) => execFileSync("mkfifo", [path]), "it is a named pipe, not a regular file"] as const,
  [(path: string) => symlinkSync("/dev/zero", path), "it is a device, not a regular file"] as const,
  [(path: string) => writeFileSync(path, "# 200,000 lines\n".repeat(200_000)), "it is larger than 1024 KiB"] as const
]

describe("a-chat serve", () => {
  it.scopedLive("does not start with a named pipe, a device, or a huge file, and says so at once", () =>
    Effect.gen(function* () {
      for (const [replace, mistake] of unreadable) {
        const path = join(yield* temporaryFolder, "chat.toml")
        replace(path)
        const { errors, status } = yield* Program.run(["serve", "--port", "0", "--config", path])
        assert.deepStrictEqual([status, errors], [2, `a-chat: cannot read ${path}: ${mistake}\n`])
        assert.strictEqual((yield* check(path)).errors, errors)
      }
    })
  )

  it.scopedLive("takes its settings from a file, unless the environment or a flag overrides them", () =>
    Effect.gen(function* () {
      const path = yield* file("max-line = 100\nmax-recipients = 3\nrate = 7\n")
      const environment = { ACHAT_CONFIG: path, ACHAT_RATE: "8" }
      const { port } = yield* Program.startServer(["--max-recipients", "4"], { environment })
      const { output } = yield* Program.run(["connect", "--port", port], { input: "/hello\n" })
      assert.include(output, " max-line=100 max-recipients=4 max-name=32 rate=8 store=")
    })
  )

  it.scopedLive("does not start with a file that has mistakes, and says how to see all of them", () =>
    Effect.gen(function* () {
      const path = yield* file("port = -1\nrate = -1\nspeed = 1\n")
      const { errors, status } = yield* Program.run(["serve", `--config=${path}`])
      assert.strictEqual(status, 2)
      assert.match(
        errors,
        /^a-chat: \S+chat\.toml:1: port: "-1" is .* \(and 2 more; see a-chat config --check --config \S+\)\n$/u
      )
    })
  )
})

describe("SIGHUP", () => {
  it.scopedLive("logs some of many mistakes, and keeps running when the file is gone or is a folder", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.startServer(["--config", path])
      writeFileSync(path, Array.from({ length: 100 }, (_, at) => `key-${at} = 1`).join("\n"))
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /mistake="[^"]*:20: key-19 is not a setting[^]*mistake="and 80 more; /u)
      rmSync(path)
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="the settings stay as they were" mistake="cannot read \S+: ENOENT/u)
      mkdirSync(path)
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="the settings stay as they were" mistake="cannot read \S+: EISDIR/u)
      rmSync(path, { recursive: true })
      writeFileSync(path, "max-recipients = 4\n")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="settings read again" .*changed=max-recipients/u)
    })
  )

  it.scopedLive("reads the file again: applies live settings, logs the others, and keeps flags", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\nrate = 50\n")
      const server = yield* Program.startServer(["--config", path, "--max-line", "100"])
      const hello = Effect.map(
        Program.run(["connect", "--port", server.port], { input: "/hello\n" }),
        ({ output }) => output
      )
      assert.include(yield* hello, " max-line=100 max-recipients=3 max-name=32 rate=50 store=")
      writeFileSync(path, 'max-recipients = 4\nmax-line = 5000\nadmin = "9000"\nlog-level = "debug"\n')
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="settings read again" .*changed=max-recipients,rate,log-level/u)
      yield* server.says("errors", /message="settings that need a restart to change" settings=admin/u)
      assert.include(yield* hello, " max-line=100 max-recipients=4 max-name=32 store=")
    })
  )

  it.scopedLive("keeps the level of --log-level, even the default one", () =>
    Effect.gen(function* () {
      const path = yield* file('log-level = "error"\n')
      const server = yield* Program.startServer(["--config", path, "--log-level", "info"])
      writeFileSync(path, 'log-level = "fatal"\nrate = 7\n')
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="settings read again" .*changed=rate /u)
    })
  )

  it.scopedLive("changes nothing with a file that has mistakes, and logs each", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.startServer(["--config", path])
      writeFileSync(path, "max-recipients = 4\nrate = -1\nspeed = 2\n")
      yield* server.kill("SIGHUP")
      yield* server.says(
        "errors",
        /message="the settings stay as they were" mistake=".*chat\.toml:3: speed is not a setting/u
      )
      yield* server.says("errors", /message="the settings stay as they were" mistake=".*chat\.toml:2: rate: /u)
      const { output } = yield* Program.run(["connect", "--port", server.port], { input: "/hello\n" })
      assert.include(output, " max-recipients=3 ")
    })
  )

  it.scopedLive("keeps the settings when the file is a named pipe, a device, or huge, and reads a later one", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.startServer(["--config", path])
      for (const [replace, mistake] of unreadable) {
        rmSync(path)
        replace(path)
        yield* server.kill("SIGHUP")
        yield* server.says(
          "errors",
          new RegExp(`the settings stay as they were" mistake="cannot read \\S+: ${mistake}`, "u")
        )
      }
      rmSync(path)
      writeFileSync(path, "max-recipients = 4\n")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="settings read again" .*changed=max-recipients/u)
    })
  )

  it.scopedLive("waits for an editor that has emptied the file, and takes a file that stays empty for a mistake", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.startServer(["--config", path])
      writeFileSync(path, "")
      yield* server.kill("SIGHUP")
      yield* Effect.sleep("300 millis")
      writeFileSync(path, "max-recipients = 4\n")
      yield* server.says("errors", /message="settings read again" .*changed=max-recipients/u)
      writeFileSync(path, "")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /message="the settings stay as they were" mistake="\S+chat\.toml is empty; /u)
      writeFileSync(path, "# the defaults\n")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /"settings read again"[^]*"settings read again" .*changed=max-recipients/u)
      writeFileSync(path, "")
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /(?:"settings read again"[^]*){3}/u)
    })
  )

  it.scopedLive("stops in time at SIGTERM after a reload of a file with as many mistakes as fit", () =>
    Effect.gen(function* () {
      const path = yield* file("max-recipients = 3\n")
      const server = yield* Program.startServer(["--config", path])
      writeFileSync(path, Array.from({ length: 20_000 }, (_, at) => `rate-${at} = 1\n`).join(""))
      yield* server.kill("SIGHUP")
      yield* Effect.sleep("20 millis")
      const clock = unhindered(server.pid)
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
      assert.isBelow(clock(), 2_000)
    })
  )
})
