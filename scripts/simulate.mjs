// Runs the deterministic simulation:
// `npm run simulate -- [--store | --nodes | --send | --terminal | --real] [--seconds N | --schedules N] [--seed S]` or
// `npm run simulate -- --replay SPEC`.
//
//   --store         of the server with accounts, a store and crashes
//   --nodes         of the protocol between the nodes of a cluster
//   --send          of the command `send` against hostile servers; by default of the server
//   --terminal      of the client at a terminal against hostile servers
//   --real          not simulated: clients that do random things on real sockets (TCP, TLS, Unix) to the real server
//   --seconds N     duration (default 10)
//   --schedules N   number of schedules instead; also fails if anything that can happen never did
//   --seed S        the first seed (default: random)
//   --replay SPEC   one schedule, whole (`77`) or some of its steps (`77:0-3,9`), and everything that happens in it
//
// Prints what the schedules covered, or the shortest schedule that breaks a promise, and exits with 1.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { bundle } from "./bundle.mjs"

/** The simulation and the sources it tests in one file, which starts ten times faster; `plugins` may change them. */
export const bundleSimulation = (outfile, plugins = []) =>
  bundle({ entryPoints: ["test/simulation/main.ts"], outfile, plugins })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = mkdtempSync(join(tmpdir(), "a-chat-simulation-"))
  process.on("exit", () => rmSync(directory, { recursive: true }))
  const outfile = join(directory, "main.mjs")
  await bundleSimulation(outfile)
  await import(pathToFileURL(outfile))
}
