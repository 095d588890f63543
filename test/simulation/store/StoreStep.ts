import type { TurnBounds } from "../../../src/chat/Turn.js"
import type { StoreFailure } from "../../../src/ports/StoreError.js"
import type { SocketStep, TimeStep } from "../Step.js"

/** The steps of a run with a store. As in `Step`, any of them can be removed. */

/** Options of the server and of the store, small enough to reach every limit. Times are in milliseconds. */
export interface StoreSetting {
  readonly holdTimeout: number
  readonly stallTimeout: number
  readonly grace: number
  readonly outboxLines: number
  readonly outboxBytes: number
  readonly maxOutcomes: number
  readonly maxDevices: number
  readonly turnBounds: TurnBounds | undefined
  readonly keep: number
  readonly keepLines: number
  readonly keepBytes: number
  readonly unreadLines: number
  readonly unreadBytes: number
}

/**
 * What the store does with requests: it carries them out; it does so later (`stuck`); or those fail that write (`full`,
 * `damaged`), or all.
 */
export type DiskState = "ok" | "stuck" | StoreFailure

/** A client is a slot with one connection at a time; `Clients` says whose device it is. */
export type StoreStep =
  | {
      readonly do: "connect"
      readonly who: number
      readonly words: ReadonlyArray<string>
      readonly cut: number
      readonly polite: boolean
      readonly opaque: boolean
    }
  /** Sends messages; the step's number and their own make their texts and labels unique. */
  | {
      readonly do: "say"
      readonly who: number
      readonly to: ReadonlyArray<string>
      readonly count: number
      readonly size: number
      readonly labelled: boolean
    }
  /**
   * Sends the labelled lines that this client has sent last with `once` once more, or other texts with their labels.
   */
  | { readonly do: "again"; readonly who: number; readonly altered: boolean }
  | { readonly do: "command"; readonly who: number; readonly line: string }
  | { readonly do: "acknowledge"; readonly who: number; readonly which: "all" | "half" | "next" }
  | SocketStep
  | TimeStep
  | { readonly do: "disk"; readonly is: DiskState }
  /** The next requests that write fail. */
  | { readonly do: "fail"; readonly count: number; readonly reason: StoreFailure }
  /**
   * From now on each request takes up to this many turns before its transaction is flushed, and as many after it; or
   * this time.
   */
  | { readonly do: "speed"; readonly before: number; readonly after: number; readonly millis: number }
  /** The process is killed, and starts again after this time. */
  | { readonly do: "crash"; readonly downMillis: number }
  /** The process drains, ends and starts again. */
  | { readonly do: "restart" }
  /** The operator removes an account. */
  | { readonly do: "remove"; readonly name: string }
