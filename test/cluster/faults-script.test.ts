import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { eventually } from "../support/Eventually.js"
import * as NatsServers from "../support/NatsServers.js"
import * as PostgresServer from "../support/PostgresServer.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const missing = NatsServers.missing ?? (existsSync("/proc/self/task") ? undefined : "this system has no /proc")

/** Whether a process runs. One that has ended stays until its parent asks for its status. */
const runs = (pid: string) => {
  try {
    return !/\) [ZX] /u.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

/** Those that a process has started, and those that these have started. */
const childrenOf = (pid: string): ReadonlyArray<string> => {
  let children = ""
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
  } catch {} // it has just ended
  return children
    .split(" ")
    .filter(Boolean)
    .flatMap((child) => [child, ...childrenOf(child)])
}

describe.skipIf(missing)("npm run cluster-faults", () => {
  it.scopedLive("ends its servers when it is ended", () =>
    Effect.gen(function* () {
      const script = yield* Effect.acquireRelease(
        // In a group of its own, so that the test leaves nothing if it fails.
        Effect.sync(() => spawn("npm", ["run", "cluster-faults"], { cwd: root, detached: true, stdio: "ignore" })),
        ({ pid }) => Effect.ignore(Effect.try(() => process.kill(-(pid ?? 0), "SIGKILL"))) // all have ended
      )
      let children: ReadonlyArray<string> = []
      yield* eventually(() => {
        children = childrenOf(String(script.pid))
        return children.length >= 4 // the script and three NATS servers
      }, "no server starts")
      const exited = once(script, "exit")
      script.kill("SIGTERM")
      yield* Effect.promise(() => exited)
      yield* eventually(() => !children.some(runs), "a server goes on")
      assert.isAtLeast(children.length, 4)
    })
  )
})

describe.skipIf(missing ?? PostgresServer.missing)("npm run cluster-faults -- --store", () => {
  it.scopedLive(
    "accounts for every line that is kept, although the database is killed",
    () =>
      Effect.gen(function* () {
        const flags = ["--store", "--rounds", "1", "--only", "postgres-kill", "--term", "3", "--clients", "1"]
        const script = yield* Effect.acquireRelease(
          Effect.sync(() => spawn("node", ["scripts/cluster/faults.mjs", ...flags], { cwd: root, detached: true })),
          ({ pid }) => Effect.ignore(Effect.try(() => process.kill(-(pid ?? 0), "SIGKILL"))) // all have ended
        )
        let output = ""
        for (const stream of [script.stdout, script.stderr]) stream.on("data", (text) => (output += String(text)))
        const [status] = yield* Effect.promise(() => once(script, "close"))
        assert.strictEqual(status, 0, output)
        const [, kept] = /; (\d+) kept, given \d+ times/u.exec(output) ?? []
        assert.isAbove(Number(kept), 0, output)
      }),
    150_000
  )
})
