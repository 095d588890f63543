import { assert, describe, it } from "@effect/vitest"
import { youngBytesFor } from "../../src/cli/V8Heap.js"

const mebibyte = 1_048_576

describe("the young generation", () => {
  it.each([
    ["a large machine without a control group", 24_000, 0, 8, 16],
    ["a limit that is none, as older kernels report it", 24_000, 2 ** 43, 8, 16],
    ["a machine of 256 MiB", 256, 0, 8, 16],
    ["a smaller machine", 255, 0, 2, 2],
    ["a control group of 256 MiB", 24_000, 256, 8, 16],
    ["a smaller control group", 24_000, 255, 2, 2]
  ])("of %s", (_name, total, constrained, plain, encrypted) => {
    const size = (isEncrypted: boolean) => youngBytesFor(total * mebibyte, constrained * mebibyte, isEncrypted)
    assert.deepStrictEqual([size(false), size(true)], [plain * mebibyte, encrypted * mebibyte])
  })
})
