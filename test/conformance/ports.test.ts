import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { href } from "../support/FreePort.js"

/** A process that takes two ports at the same time, and tries the same ones in the same order as others like it. */
const program = `
  let tries = 0
  Math.random = () => (0.123 + Math.floor(tries++ / 2) / 12_000) % 1
  const { freePort } = await import(${JSON.stringify(href)})
  console.log(JSON.stringify(await Promise.all([freePort(), freePort()])))
  setInterval(() => {}, 1_000)
`

const ports = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, ["--input-type=module", "--eval", program])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ),
  (child) => child.stdout
).pipe(
  Effect.flatMap((output) => Effect.promise(() => once(output, "data"))),
  Effect.map(([text]) => JSON.parse(String(text)) as ReadonlyArray<number>)
)

describe("The ports of scripts and tests", () => {
  it.scopedLive("no two of them get one, whichever process asks", () =>
    Effect.gen(function* () {
      const all = (yield* Effect.all([ports, ports, ports], { concurrency: 3 })).flat()
      assert.deepEqual([new Set(all).size, all.length], [6, 6], all.join(" "))
    })
  )
})
