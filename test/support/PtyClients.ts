import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as LocalServer from "./LocalServer.js"
import * as Pty from "./Pty.js"

export const home = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "a-chat-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

/** Alice at the prompt of a real terminal, and a server in the test's own process. */
export const alone = (args: ReadonlyArray<string> = [], environment: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(LocalServer.start(), (server) => atPrompt(server, args, environment))

export const atPrompt = <Server extends { readonly port: string }>(
  server: Server,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const folder = yield* home
    const alice = yield* Pty.start(["connect", "--port", server.port, "--login", "alice", ...args], {
      HOME: folder,
      ...environment
    })
    yield* alice.sees(/connected to 127\.0\.0\.1:\d+ as alice[^]*\n› $/u)
    return { alice, server, folder }
  })

export const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Everything that the program changed is as it was. */
export const isRestored = (terminal: Pty.Pty) =>
  Effect.gen(function* () {
    const { isRaw, status } = yield* terminal.ended
    assert.isFalse(isRaw)
    assert.deepStrictEqual(terminal.modes(), { marksPastes: false, wraps: true, reportsFocus: false })
    const written = terminal.written()
    assert.isAbove(written.lastIndexOf("\x1b[?25h"), written.lastIndexOf("\x1b[?25l"))
    return status
  })

/** The name of tests with the program at a terminal, or why they are skipped. */
export const atTerminal = `a-chat connect at a terminal (${Pty.missing ?? "script, stty"})`
