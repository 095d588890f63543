import * as Effect from "effect/Effect"
import * as V8 from "node:v8"

/** How large the young generation becomes, and stays. V8 itself goes up to 32 MiB as soon as much of it survives. */
const youngBytes = 8 * 1_048_576

/**
 * Tells V8 to keep the heap small; not on the command line, since the program is started as `node dist/main.js`. A V8
 * that no longer knows one of these flags says so on standard error, and goes on without it.
 *
 * The old generation grows by 30 % between collections, not to a multiple: under a flood to a recipient that does not
 * read, that halves the memory of the process. The young one grows in one step and then no more: 24 MiB less for the
 * same speed, and shorter pauses (benchmark: idle memory, slow consumer).
 */
export const keepSmall: Effect.Effect<void> = Effect.sync(() => {
  V8.setFlagsFromString("--heap-growing-percent=30")
  V8.setFlagsFromString("--semi-space-growth-factor=4")
  growYoung()
  if (youngSize() >= youngBytes) V8.setFlagsFromString("--semi-space-growth-factor=1")
})

/** It grows when what survives exceeds it; a few milliseconds of that are enough. */
const growYoung = () => {
  const surviving: Array<object> = []
  for (let round = 0; round < 10 && youngSize() < youngBytes; round++) {
    for (let count = 0; count < 20_000; count++) surviving.push({ count })
  }
}

const youngSize = () => V8.getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? 0
