import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Help from "../../src/cli/help/HelpText.js"
import { exampleIndent } from "../../src/cli/help/Manual.js"
import { manualPages } from "../../src/cli/help/ManualText.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as NatsServers from "../support/NatsServers.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/** A folder in which `a-chat` is the built program. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "a-chat-manual-"))
    symlinkSync(main, join(folder, "a-chat"))
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** The help of each command. It does not change, so that each is printed once. */
const helpTexts = new Map(
  Object.keys(manualPages).map((command) => [
    command,
    Effect.runSync(Effect.cached(Effect.map(Program.run([command, "--help"]), ({ output }) => output)))
  ])
)

const help = (command: string) => helpTexts.get(command) ?? Effect.dieMessage(`there is no command ${command}`)

/** The scripts in the examples of a help text, as a user would copy them. */
const examplesIn = (text: string): ReadonlyArray<string> => {
  const [, examples = ""] = text.split("\nEXAMPLES\n")
  return examples
    .trimEnd()
    .split(/\n\n/u)
    .filter((block) => block.trim() !== "" && block.split("\n").every((line) => line.startsWith(exampleIndent)))
    .map((block) => block.replaceAll(new RegExp(`^${exampleIndent}`, "gmu"), "").trimEnd())
}

/**
 * Runs a script in bash until the scope ends. Bash takes the socket that Node connects to its standard input for a
 * remote login, and would read ~/.bashrc, which can take longer than the script.
 */
const run = (script: string, home: string, environment: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn("bash", ["--norc", "-c", script], {
        cwd: home,
        env: { PATH: `${home}:${process.env["PATH"]}`, ...environment },
        detached: true
      })
    ),
    ({ pid }) =>
      Effect.sync(() => {
        try {
          process.kill(-(pid ?? 0), "SIGKILL")
        } catch {
          // it has already ended
        }
      })
  ).pipe(
    Effect.map((child) => {
      const said = { output: "", errors: "" }
      child.stdout.on("data", (bytes: Buffer) => (said.output += bytes.toString()))
      child.stderr.on("data", (bytes: Buffer) => (said.errors += bytes.toString()))
      const closed = new Promise<number | null>((resolve) => child.on("close", resolve))
      return { said, ended: Effect.promise(() => closed) }
    })
  )

describe.concurrent("The manual", () => {
  for (const [command, page] of Object.entries(manualPages)) {
    it.live(`has a page for ${command}, with its exit statuses and examples`, () =>
      Effect.gen(function* () {
        const text = yield* help(command)
        for (const part of [page.summary, ...page.description]) assert.include(text, part)
        for (const [status, meaning] of page.statuses) assert.include(text, `  ${status}  ${meaning}\n`)
        assert.deepStrictEqual(
          examplesIn(text),
          page.examples.map(([, script]) => script)
        )
        assert.isAtLeast(page.examples.length, 1)
        const variables = [...text.matchAll(/^--([\w-]+)[^\n]*\n\n +[^\n]*ACHAT_([A-Z_]+)/gmu)]
        assert.isAtLeast(variables.length, 2)
        for (const [, flag = "", variable] of variables) {
          assert.strictEqual(variable, flag.toUpperCase().replaceAll("-", "_"))
        }
      })
    )
  }

  it.live("lists each command with its summary", () =>
    Effect.map(Program.run(["--help"]), ({ output }) => {
      const [, listed = ""] = output.split("\nCOMMANDS\n")
      const lines = Object.entries(manualPages).map(
        ([command, { summary }]) => `  - ${command.padEnd("connect".length)}  ${summary}`
      )
      assert.deepStrictEqual(
        listed.split("\n").filter((line) => line.trim() !== ""),
        lines
      )
    })
  )

  it("is wrapped for a terminal, except for its examples", () => {
    const long = `  ${"word ".repeat(10)}end`
    const example = `${exampleIndent}${"word ".repeat(10)}end`
    const wrapped = Help.wrapText(`${long}\n${example}\n\x1b[1mshort\x1b[0m`, 20).split("\n")
    assert.isTrue(wrapped.slice(0, 4).every((line) => line.length <= 20 && line.startsWith("  word")))
    assert.deepStrictEqual(wrapped.slice(-2), [example, "\x1b[1mshort\x1b[0m"])
  })
})

/** Sends a message to a bot and waits for its answer. */
const ask = (chat: WatchedServer.WatchedServer, name: string) =>
  Effect.gen(function* () {
    yield* chat.joined(name)
    yield* chat.watcher.send(`${name}: hi\n`)
    assert.match(yield* chat.watcher.line, new RegExp(`^from ${name}: (hi|3|hello watcher, you said: hi)$`, "u"))
  })

describe.concurrent("Every example of the manual", () => {
  for (const [command, page] of Object.entries(manualPages)) {
    for (const [about, script] of page.examples) {
      it.scopedLive(`runs: ${command}: ${about}`, () =>
        Effect.gen(function* () {
          const home = yield* folder
          if (command === "serve") {
            const serving = yield* run(script, home, script.includes("--unix") ? {} : { ACHAT_PORT: "0" })
            return yield* eventually(() => /listening/u.test(serving.said.errors), "the server does not listen")
          }
          if (command === "nodes") {
            if (NatsServers.missing !== undefined) return undefined
            const { url } = yield* NatsServers.one()
            yield* Program.startServer(["--control", join(home, "control.sock"), "--cluster", url, "--node", "a"])
          } else if (script.includes("--socket")) {
            const hooks = ["--web", "0", "--hooks", join(home, "hooks.json")]
            const control = ["--control", join(home, "control.sock")]
            yield* Program.startServer([...control, "--store", join(home, "used.db"), ...hooks])
          }
          if (command === "store" || command === "account") {
            const empty = '{"a-chat export":1}\n{"type":"totals","stored":0,"given":0,"expired":0}\n'
            yield* Program.run(["store", "import", "--store", join(home, "a-chat.db")], { input: empty })
          }
          // Only the program has rooms.
          const chat = yield* script.includes("#ops") ? WatchedServer.ofProgram() : WatchedServer.make()
          const running = yield* run(script, home, { ACHAT_PORT: chat.port })
          if (command === "exec") return yield* ask(chat, /--login (\S+)/u.exec(script)?.[1] ?? "")
          const status = yield* running.ended
          assert.strictEqual(status, 0, `${running.said.output}${running.said.errors}`)
          return assert.notInclude(running.said.errors, "a-chat: cannot")
        })
      )
    }
  }
})

const completions = (shell: string) => Effect.map(Program.run(["--completions", shell]), ({ output }) => output)

/** The completions that bash offers after the words of a command line. */
const offered = (script: string, words: ReadonlyArray<string>) => {
  const line = words.map((word) => `'${word}'`).join(" ")
  const ask = `${script}
    COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}
    "$(complete -p a-chat | sed 's/.*-F \\([^ ]*\\).*/\\1/')" a-chat
    printf '%s\\n' "\${COMPREPLY[@]}"`
  return Effect.map(
    Effect.promise(() => promisify(execFile)("bash", ["--norc", "-c", ask])),
    ({ stdout }) => stdout.split("\n").filter((word) => word !== "")
  )
}

describe.concurrent("--completions", () => {
  it.live("for bash parse, and offer every command and its flags", () =>
    Effect.gen(function* () {
      const script = yield* completions("bash")
      yield* Effect.promise(() => promisify(execFile)("bash", ["-n", "-c", script]))
      assert.includeMembers(yield* offered(script, ["a-chat", ""]), Object.keys(manualPages))
      assert.deepStrictEqual(yield* offered(script, ["a-chat", "lis"]), ["listen"])
      for (const command of Object.keys(manualPages)) {
        const flags = [...(yield* help(command)).matchAll(/^(--[\w-]+)/gmu)].map(([, flag]) => flag ?? "")
        assert.isAtLeast(flags.length, 5)
        assert.includeMembers(yield* offered(script, ["a-chat", command, "--"]), flags)
      }
      assert.deepStrictEqual(yield* offered(script, ["a-chat", "exec", "--conc"]), ["--concurrency"])
      assert.deepStrictEqual(yield* offered(script, ["a-chat", "connect", "--bell", ""]), ["on", "mentions", "off"])
      assert.deepStrictEqual(yield* offered(script, ["a-chat", "serve", "--log-format", "j"]), ["json"])
    })
  )

  for (const shell of ["zsh", "fish"]) {
    it.live(`for ${shell} have every command, its summary and its flags`, () =>
      Effect.gen(function* () {
        const script = yield* completions(shell)
        for (const [command, { summary }] of Object.entries(manualPages)) {
          assert.include(script, command)
          assert.include(script, summary.replaceAll("'", ""))
        }
        for (const flag of ["concurrency", "no-reconnect", "interval", "max-line"]) assert.include(script, flag)
      })
    )
  }
})
