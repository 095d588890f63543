import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreState } from "../ports/Store.js"
import type { StoreError, StoreFailure } from "../ports/StoreError.js"

/** The pause before a failed request is repeated. */
const retryDelay = Duration.seconds(1)

/** The same for damaged data, which does not recover by itself. */
const damagedRetryDelay = Duration.minutes(1)

/** The same kind of trouble is logged at most this often. */
const logMillis = 300_000

const notWorking = "the store does not work; lines to accounts return until it does"

const atStart: Readonly<Record<StoreFailure, string>> = {
  full: "the disk is full",
  damaged: "the check at the start has found damage, which a-chat store check locates",
  unavailable: "the store does not answer"
}

/** Logs failures of the store. */
export class StoreTrouble {
  /** When each kind of trouble was logged. */
  private readonly logged = new Map<string, number>()

  constructor(private readonly now: () => number) {}

  /**
   * Logs a failure, and calls `again` after a while. The caller waits until then, because a store that does not answer
   * would not carry out other requests either. If data is damaged, the caller does not wait, because the rest of the
   * store still works.
   */
  readonly failed = (error: StoreError, again: () => void = () => {}): Effect.Effect<void> => {
    const isDamaged = error.reason === "damaged"
    const retry = Effect.delay(Effect.sync(again), isDamaged ? damagedRetryDelay : retryDelay)
    // A fiber inherits whether it is interruptible from the one that forks it, which here may not be.
    const later = Effect.asVoid(Effect.fork(Effect.interruptible(retry)))
    return Effect.zipRight(this.log(notWorking, error), isDamaged ? later : retry)
  }

  /** Logs that the disk is full or the store is damaged when the server starts. */
  readonly atStart = (state: StoreState): Effect.Effect<void> =>
    state === "ok" ? Effect.void : this.log(notWorking, { reason: state, message: atStart[state] })

  /** Logs that lines return because the store has not answered for too long. */
  get overdue(): Effect.Effect<void> {
    return this.log(notWorking, { reason: "unavailable", message: "the store has not answered for the hold time" })
  }

  /** Logs that lines cannot be read and are skipped. */
  readonly unreadable = (error: StoreError): Effect.Effect<void> =>
    this.log("the store is damaged; lines that cannot be read are left out, and reported to devices as gaps", error)

  /** Logs that the store works again, if trouble was logged before. */
  get works(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.logged.size === 0) return Effect.void
      this.logged.clear()
      return Effect.logInfo("the store works again")
    })
  }

  private log(text: string, { message, reason }: Pick<StoreError, "message" | "reason">): Effect.Effect<void> {
    return Effect.suspend(() => {
      const kind = `${reason} ${text}`
      const before = this.logged.get(kind)
      if (before !== undefined && this.now() - before < logMillis) return Effect.void
      this.logged.set(kind, this.now())
      return Effect.annotateLogs(Effect.logWarning(text), { reason, cause: message })
    })
  }
}
