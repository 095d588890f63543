import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const root = new URL("..", import.meta.url)
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string }

/**
 * Files that take long. They run first: no worker is left with one of them at the end, and tests that measure time do not
 * run next to those with several child processes. Files that mostly wait are between those that compute, so that the
 * cores are never idle and never shared by many.
 */
const long = [
  "simulation/simulation",
  "soak/faults", // waits
  "restart/restart",
  "admin/Admin", // waits
  "cli/malicious-server",
  "faults/vanished", // waits
  "packaging/packages",
  "terminal/pty", // waits
  "cli/exec", // waits
  "store/Postgres", // waits
  "store/kills", // waits
  "cli/store",
  "faults/floods",
  "faults/readers", // waits
  "cli/young-generation", // waits
  "cli/Manual",
  "cli/send-retry", // waits
  "cli/dying-server",
  "cli/ask", // waits
  "cli/send",
  "cli/listen", // waits
  "cli/in-process",
  "conformance/faults", // waits
  "cli/config",
  "terminal/TerminalClient", // waits
  "simulation/sockets",
  "client/Pipe", // waits
  "cli/send-failures",
  "cli/signals", // waits
  "protocol/fuzz",
  "cli/SystemdSockets", // waits
  "cli/control",
  "faults/stopped", // waits
  "cli/launcher",
  "terminal/ConversationLog", // waits
  "process/Child",
  "terminal/coming-back" // waits
]

const workers = 3

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

export default defineConfig({
  define: { ACHAT_VERSION: JSON.stringify(version) }, // as scripts/build.mjs does
  test: {
    root: fileURLToPath(root),
    include: ["test/**/*.test.ts"],
    // Processes, so that files that run at the same time do not share sockets, signals and metrics. Each process runs
    // many files: loading Effect and the sources for each of them took a quarter of the time of the whole suite. So a
    // test restores whatever it changes in its process.
    pool: "forks",
    // V8's young generation starts at a size that it otherwise reaches only after many collections, which took a tenth of
    // the time.
    poolOptions: { forks: { isolate: false, execArgv: ["--min-semi-space-size=16", "--max-semi-space-size=32"] } },
    // One more than the two cores of a small machine, because many files wait for other processes; with more, each takes
    // longer than it gains. As many at least as at most: tinypool ends a worker above the minimum twice if two of them run
    // out of files at the same moment, and vitest then fails with "Terminating worker thread".
    maxWorkers: workers,
    minWorkers: workers,
    sequence: { sequencer: LongFirst },
    maxConcurrency: 4, // of `describe.concurrent`
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
