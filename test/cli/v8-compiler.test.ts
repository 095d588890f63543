import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { flagsFor } from "../../src/cli/V8Compiler.js"

describe("The flags of V8's compiler", () => {
  it("exist in this version of V8, which would print an error for any other", () => {
    const known = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" })
    for (const flag of flagsFor(process.versions.v8)) assert.include(known, `  ${flag.split("=", 1)[0]} (`)
  })

  it("are set up to Node 21, and are gone from Node 22 on", () => {
    assert.deepStrictEqual(flagsFor("11.3.244.8-node.38"), ["--interrupt-budget=16384"])
    assert.deepStrictEqual(flagsFor("12.4.254.21-node.33"), [])
    assert.deepStrictEqual(flagsFor("13.6.233.10-node.28"), [])
  })
})
