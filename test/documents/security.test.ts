import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

/** The tests that the table of threats names, and the file of each. */
const named = [...read("SECURITY.md").matchAll(/^\| .* \| `([\w-]+\/[\w-]+)`: (.*?) \|$/gmu)].map(
  ([, file = "", name = ""]) => ({
    file,
    name
  })
)

describe("The threats in SECURITY", () => {
  it("have a test each, which exists", () => {
    assert.isAtLeast(named.length, 20)
    for (const { file, name } of named) {
      const tests = read(`test/${file}.test.ts`).replaceAll(/\(\s+"/gu, '("')
      assert.include(tests, `("${name}`, file)
    }
  })
})
