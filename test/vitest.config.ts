import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const root = new URL("..", import.meta.url)
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string }

/**
 * Files that take long. They run first: no worker is left with one of them at the end, and tests that measure time do
 * not run next to those with several child processes. Files that mostly wait are between those that compute, so that
 * the cores are never idle and never shared by many.
 */
const long = [
  "simulation/simulation",
  "web/browser", // waits
  "web/browser-rooms", // waits
  "web/browser-accounts", // waits
  "web/browser-attention", // waits
  "web/browser-phone", // waits
  "web/browser-admin", // waits
  "web/firefox", // waits
  "faults/vanished", // waits
  "soak/faults", // waits
  "admin/Admin", // waits
  "ports/Store", // waits
  "cluster/Nats", // waits
  "restart/restart",
  "cli/young-generation", // waits
  "packaging/packages",
  "store/Postgres", // waits
  "store/Postgres-failures", // waits
  "terminal/pty", // waits
  "terminal/pty-notify-and-log", // waits
  "cli/malicious-server",
  "cluster/faults-script", // waits
  "store/SqliteRescue",
  "store/kills", // waits
  "terminal/rooms-kills", // waits
  "simulation/store",
  "conversations/killed-postgres", // waits
  "cli/exec", // waits
  "cli/exec-processes", // waits
  "faults/floods",
  "cli/Manual",
  "cluster/credentials", // waits
  "cluster/rolling-restart", // waits
  "store/Sharing", // waits
  "client/Pipe", // waits
  "cli/dying-server",
  "cluster/MakeNodes", // waits
  "conformance/cluster", // waits
  "cli/store-away", // waits
  "cli/listen", // waits
  "cli/ask", // waits
  "cli/ask-failures", // waits
  "faults/readers", // waits
  "cli/send",
  "cli/send-retry", // waits
  "terminal/TerminalClient", // waits
  "cli/in-process",
  "simulation/sockets", // waits
  "cli/store",
  "conversations/random",
  "terminal/coming-back", // waits
  "client/ReconnectingClient", // waits
  "client/ReconnectingClient-delivery", // waits
  "conformance/faults",
  "conformance/websocket",
  "server/interruption",
  "http/killed", // waits
  "store/SqliteDamage",
  "store/search",
  "faults/stopped", // waits
  "cli/accounts",
  "protocol/fuzz",
  "server/flow-control", // waits
  "documents/readme",
  "cli/signals", // waits
  "faults/breaks",
  "store/disk", // waits
  "cli/config",
  "cli/SystemdSockets", // waits
  "cli/launcher",
  "chat/forgotten", // waits
  "cli/control",
  "terminal/ConversationLog", // waits
  "faults/kills",
  "chat/memory",
  "terminal/tmux", // waits
  "cli/send-failures",
  "process/Child"
]

const workers = 4

const rank = ({ moduleId }: TestSpecification) => {
  const place = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return place < 0 ? long.length : place
}

class LongFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>) {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own method
    const usual = await super.sort(files)
    return usual.toSorted((one, other) => rank(one) - rank(other))
  }
}

/** V8 of Node 22 and later has no such flag. */
const hasInterruptBudget = Number(process.versions.node.split(".")[0]) < 22

export default defineConfig({
  define: { ACHAT_VERSION: JSON.stringify(version), ACHAT_STORE_THREAD: "undefined" }, // as scripts/build.mjs does
  test: {
    root: fileURLToPath(root),
    include: ["test/**/*.test.ts"],
    // Processes, so that files that run at the same time do not share sockets, signals and metrics. Each process runs
    // many files: loading Effect and the sources for each of them took a quarter of the time of the whole suite. So a
    // test restores whatever it changes in its process.
    pool: "forks",
    // V8's young generation starts at a size that it otherwise reaches only after many collections. Its threads for
    // garbage collection wait for each other on busy cores, and a test ends before the optimization of most functions
    // pays off. All of this took a fifth of the time.
    poolOptions: {
      forks: {
        isolate: false,
        execArgv: [
          "--min-semi-space-size=16",
          "--max-semi-space-size=32",
          "--single-threaded-gc",
          ...(hasInterruptBudget ? ["--interrupt-budget=270000"] : [])
        ]
      }
    },
    // Twice as many as the cores of a small machine, because many files wait for other processes. As many at least as
    // at most: tinypool ends a worker above the minimum twice if two of them run out of files at the same moment, and
    // vitest then fails with "Terminating worker thread".
    maxWorkers: workers,
    minWorkers: workers,
    sequence: { sequencer: LongFirst },
    maxConcurrency: 4, // of `describe.concurrent`
    testTimeout: 60_000, // longer than the helpers wait, so that their error says what did not happen
    hookTimeout: 60_000
  }
})
