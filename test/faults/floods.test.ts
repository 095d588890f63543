import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { faultTest } from "../support/FaultTest.js"
import { startChild } from "../support/OtherProcesses.js"

const script = fileURLToPath(new URL("../../scripts/bench/hostile.mjs", import.meta.url))

/** What costs the server more than the client. `npm run fairness` measures these kinds, and others. */
const kinds = {
  blank: "blank lines",
  mistakes: "different mistakes in turn",
  names: "13,000 names in one line",
  "labels-self": "labelled lines to themselves",
  routes: "lines to names that never return"
}

describe("forty clients that flood the server", () => {
  for (const [kind, what] of Object.entries(kinds)) {
    faultTest(
      `with ${what}, for two seconds`,
      // Without bounds on a turn, the bystander waits for more than a tenth of a second each time.
      { peakMegabytes: 400, medianMillis: 50 },
      (server) =>
        Effect.gen(function* () {
          const hostile = yield* startChild(process.execPath, [
            script,
            "--kind",
            kind,
            "--clients",
            "40",
            "--port",
            `${server.port}`
          ])
          hostile.stdin?.write("go\n")
          yield* Effect.sleep("2 seconds")
          hostile.stdin?.write("stop\n")
          yield* Effect.promise(() => once(hostile, "close"))
        }).pipe(Effect.scoped)
    )
  }
})
