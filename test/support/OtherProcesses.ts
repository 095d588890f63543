import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "./Program.js"
import * as WireClient from "./WireClient.js"

/** Clients in their own processes, which can be killed or use sockets with options that Node does not have. */

/** Starts a program, and waits for its first output. The end of the scope kills it. */
export const startChild = (
  command: string,
  args: ReadonlyArray<string>
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
      const [first] = await Promise.race([once(process.stdout, "data"), once(process, "close")])
      if (!(first instanceof Buffer)) throw new Error(`${command} ended with ${String(first)} and no word`)
      return process
    }),
    (process) => Effect.sync(() => process.kill("SIGKILL"))
  )

/** Starts a Node script that can use `net` and the server's `port`, and waits for its first output. */
export const runScript = (port: number, script: string) =>
  startChild(process.execPath, ["-e", `const net = require("node:net"), port = ${port};${script}`])

const deafScript = fileURLToPath(new URL("clients-that-never-read.pl", import.meta.url))

/** Clients with a receive buffer of 4 KB that log in and never read. */
export const clientsThatNeverRead = (port: number, names: ReadonlyArray<string>) =>
  startChild("perl", [deafScript, String(port), ...names])

/**
 * The built server with bob, who never reads and for whom lines are queued, carol, who reads, and a watcher, who sees
 * who joins and leaves. A message to bob and carol stays without an outcome for bob once carol has it.
 */
export const chatWithBobStuck = Effect.gen(function* () {
  const server = yield* Program.startServer(["--outbox-bytes", "16MiB"])
  const address = Tcp.address("127.0.0.1", Number(server.port))
  yield* clientsThatNeverRead(Number(server.port), ["bob"])
  const carol = yield* WireClient.join(address, "carol")
  const watcher = yield* WireClient.greet(address, "watcher")
  // More than the kernel buffers, less than the queue.
  yield* watcher.send(`bob: ${"x".repeat(60_000)}\n`.repeat(150))
  yield* watcher.barrier
  return { carol, server, watcher }
})

/** The port of a listener that never answers. */
export const unansweredPort: Effect.Effect<number, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const process = spawn("perl", [fileURLToPath(new URL("listener-with-full-backlog.pl", import.meta.url))])
    const [port] = await once(process.stdout, "data")
    return { process, port: Number(String(port)) }
  }),
  ({ process }) => Effect.sync(() => process.kill("SIGKILL"))
).pipe(Effect.map(({ port }) => port))

/** Why the Perl clients and listeners cannot run here; undefined if they can. */
export const noPerl = spawnSync("perl", ["-MSocket", "-e", "1"]).status === 0 ? undefined : "needs perl"
