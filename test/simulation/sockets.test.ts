import { assert, describe, it } from "vitest"
import * as RealRun from "./sockets/RealRun.js"

describe("clients that do random things on real sockets", () => {
  it("see no broken promise, over TCP, TLS and Unix sockets", { timeout: 60_000 }, async () => {
    const began = performance.now()
    const { runs, story } = await RealRun.search(1, (done) => done < 20 && performance.now() - began < 3_000)
    if (story !== undefined) assert.fail(story)
    assert.isAtLeast(runs, 1)
  })
})
