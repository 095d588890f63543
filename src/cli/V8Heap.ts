import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { totalmem } from "node:os"
import * as V8 from "node:v8"

const mebibyte = 1_048_576

/** With less memory than this, in the machine or its control group, the young generation stays small. */
const smallMachineBytes = 256 * mebibyte

/**
 * The size of the young generation, both halves. By default V8 lets it grow to 32 MiB as soon as many objects survive.
 * `launcher.ts` repeats this condition. Over TLS it is twice as large: the sockets that Node has for a connection in
 * its handshake are as much again as everything else, and each collection copies them (benchmark: churn over TLS).
 *
 * @param constrained the limit of the control group; without one, Node reports 0 or a huge number
 * @param isEncrypted whether the server serves TLS
 */
export const youngBytesFor = (total: number, constrained: number, isEncrypted: boolean): number => {
  if (Math.min(total, constrained || Infinity) < smallMachineBytes) return 2 * mebibyte
  return (isEncrypted ? 16 : 8) * mebibyte
}

let youngBytes = youngBytesFor(totalmem(), process.constrainedMemory(), false)

/**
 * Keeps the heap of V8 small. The flags are set here because the program is started as `node dist/main.js`. A version
 * of V8 without one of them prints a warning and continues.
 *
 * The old generation grows by 30 % between collections instead of a multiple, which halves the memory of the process
 * under a flood to a recipient that does not read. The young generation grows in one step, in the launcher or by
 * `restoreYoung`, and then stays: 24 MiB less at the same speed, and shorter pauses (benchmarks: idle memory, slow
 * consumer). It is so small that one thread collects it in a millisecond or two; with several, V8 waits until the
 * kernel has run each of them, up to 10 ms on a busy machine (fairness: blank). It is collected when it is full, and
 * not as soon as four fifths of it are used, which V8 does for the sake of pages that are rendered meanwhile
 * (benchmark: churn, a twentieth).
 */
export const keepSmall = ({ isEncrypted }: { readonly isEncrypted: boolean }): Effect.Effect<void> =>
  Effect.sync(() => {
    V8.setFlagsFromString("--no-parallel-scavenge")
    V8.setFlagsFromString("--no-minor-gc-task")
    V8.setFlagsFromString("--heap-growing-percent=30")
    youngBytes = youngBytesFor(totalmem(), process.constrainedMemory(), isEncrypted)
    keepYoung() // until `restoreYoung` begins
  })

/** The interval of `restoreYoung`'s checks, and the part of one core above which the process counts as busy. */
const [interval, busy] = [Duration.seconds(1), 0.1]

/**
 * Grows the young generation after a server has begun to listen, unless the launcher has done so, and again after V8
 * has shrunk it to 1 MiB, as V8 does once the process has been idle for about ten seconds. Without this, a server that
 * has rested once would collect garbage four times as often from then on, which takes up to three times the CPU for
 * each message (benchmark: `--aged`). While the process is idle, the memory stays free.
 */
export const restoreYoung: Effect.Effect<never> = Effect.suspend(() => {
  let before = process.cpuUsage()
  const look = Effect.sync(() => {
    const { system, user } = process.cpuUsage(before)
    before = process.cpuUsage()
    const isBusy = user + system > busy * Duration.toMillis(interval) * 1000
    if (isBusy && missingFactor() > 1) growYoung()
    else keepYoung()
  })
  return Effect.zipRight(Effect.sync(growYoung), Effect.forever(Effect.delay(look, interval)))
})

const zeros = Array.from({ length: 1024 }, () => 0)

/** V8 grows the young generation when more objects survive than it holds. This takes about three milliseconds. */
const growYoung = () => {
  V8.setFlagsFromString(`--semi-space-growth-factor=${Math.max(2, missingFactor())}`)
  const surviving: Array<ReadonlyArray<number>> = []
  while (missingFactor() > 1 && surviving.length < 1000) surviving.push(Array.from(zeros))
  if (missingFactor() <= 1) keepYoung()
}

/**
 * Stops the growth of the young generation. The start of a thread, such as that of a store in SQLite, undoes this: V8
 * raises the factor to 2 for the whole process when it creates a heap (benchmark: memory per idle connection of an
 * account).
 */
const keepYoung = () => V8.setFlagsFromString("--semi-space-growth-factor=1")

/** The factor that grows the young generation to `youngBytes`. */
const missingFactor = () => {
  const young = V8.getHeapSpaceStatistics().find((space) => space.space_name === "new_space")
  // Not `space_size`: V8 releases the half that is empty, and commits it again, without a change of the capacity.
  const capacity = young === undefined ? 0 : young.space_used_size + young.space_available_size
  return capacity === 0 ? 1 : Math.round(youngBytes / 2 / capacity)
}
