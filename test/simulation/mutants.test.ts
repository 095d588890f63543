import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"

const script = fileURLToPath(new URL("../../scripts/mutants/main.mjs", import.meta.url))

describe("the mutants", () => {
  it("quote text that occurs exactly once in the sources", async () => {
    await promisify(execFile)(process.execPath, [script, "--check"]).catch(({ stderr }) => assert.fail(stderr))
  })
})
