import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Descriptors from "../../src/ports/Descriptors.js"
import * as ProcessDescriptors from "../../src/transport/ProcessDescriptors.js"

/** What every layer of the port promises. */
const layers: Readonly<Record<string, Layer.Layer<Descriptors.Descriptors>>> = {
  "Descriptors.none": Descriptors.none,
  "ProcessDescriptors.layer": ProcessDescriptors.layer
}

const nextDescriptor = () => {
  const descriptor = Fs.openSync("/dev/null", "r")
  Fs.closeSync(descriptor)
  return descriptor
}

for (const [name, layer] of Object.entries(layers)) {
  describe(name, () => {
    it.effect("has a limit, and is not short as long as descriptors are left", () =>
      Effect.gen(function* () {
        const { isShort, limit } = yield* Descriptors.Descriptors
        assert.isAbove(limit, 0)
        assert.isFalse(isShort?.() ?? false)
      }).pipe(Effect.provide(layer))
    )

    it.effect("leaves no descriptor open when it is asked", () =>
      Effect.gen(function* () {
        const { isShort } = yield* Descriptors.Descriptors
        const before = nextDescriptor()
        for (let times = 0; times < 100; times++) isShort?.()
        assert.isAtMost(nextDescriptor(), before)
      }).pipe(Effect.provide(layer))
    )
  })
}

describe("ProcessDescriptors", () => {
  it("counts what is open", () => {
    const { limit, open } = ProcessDescriptors.read()
    if (limit !== Infinity) assert.isTrue(open > 2 && open < limit)
  })
})
