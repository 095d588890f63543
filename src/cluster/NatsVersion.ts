import * as Effect from "effect/Effect"

/**
 * The first version whose servers agree on the numbers of a stream after an election. In those before, a server that
 * leads a stream again numbers the next message wrong if any conditional write was refused since, and all of them reset
 * the stream (nats-server, commit cbe85c826).
 */
const first = [2, 9, 21] as const

/** Whether several servers of a version may forget entries of the directory; false if it is not known. */
export const isForgetful = (version: string | undefined): boolean => {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/u
    .exec(version ?? "")
    ?.slice(1)
    .map(Number)
  const at = numbers?.findIndex((number, index) => number !== first[index]) ?? -1
  return numbers !== undefined && at !== -1 && (numbers[at] ?? 0) < (first[at] ?? 0)
}

/** Logs a warning, once, if the servers may forget entries. */
export const warn = (connection: {
  readonly isClustered: boolean
  readonly version: string | undefined
}): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { isClustered, version } = connection
    if (!isClustered || !isForgetful(version)) return Effect.void
    return Effect.annotateLogs(
      Effect.logWarning("the NATS servers may forget names after an election; use version 2.9.21 or later"),
      { version }
    )
  })
