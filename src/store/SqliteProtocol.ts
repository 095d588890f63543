import type { StoreFailure, StoreObstacle } from "../ports/StoreError.js"
import type { StoreState } from "../ports/Store.js"
import type { PackedAppend } from "./LinePacking.js"
import type { RequestName } from "./SqlRequests.js"
import type { Moment, SqlLimits } from "./SqlState.js"

/** The store that a thread opens. */
export interface ThreadData {
  readonly path: string
  readonly limits: SqlLimits
  readonly reserveBytes: number
}

/**
 * A message to the thread: first the store to open, then requests. All but the last two are answered in order; a backup
 * is answered when it is complete.
 */
export type ToThread = { readonly ask: "open"; readonly data: ThreadData } | ThreadRequest

export type ThreadRequest =
  | {
      readonly ask: "request"
      readonly name: RequestName
      readonly args: ReadonlyArray<unknown>
      readonly moment: Moment
    }
  | {
      readonly ask: "append"
      readonly packed: PackedAppend
      readonly moment: Moment
    }
  | { readonly ask: "diskBytes" | "checkFiles" | "shrink" }
  | { readonly ask: "backup"; readonly id: number; readonly file: string }
  | { readonly ask: "close" }

/** A message from the thread: first whether the store is open, then the answers. */
export type FromThread =
  | { readonly is: "open"; readonly log: string; readonly commits: number; readonly state: StoreState }
  | { readonly is: "closed"; readonly reason: StoreObstacle; readonly description: string }
  /** The answer to a backup; `failure` says why there is none. */
  | { readonly is: "backup"; readonly id: number; readonly failure: string | undefined }
  | { readonly is: "done"; readonly result: unknown; readonly state: StoreState }
  | {
      readonly is: "failed"
      readonly reason: StoreFailure
      readonly description: string
      /** If it is `unavailable`, the thread ends without further answers. */
      readonly state: StoreState
      /** The result of the request if the reopened file has this number of commits. */
      readonly uncertain?: { readonly commits: number; readonly result: unknown } | undefined
    }
