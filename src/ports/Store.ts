import * as Context from "effect/Context"
import type { StoreAccounts } from "./StoreAccounts.js"
import type { StoreLines } from "./StoreLines.js"
import type { StoreRooms } from "./StoreRooms.js"
import type { StoreSearch } from "./StoreSearch.js"
import type { StoreSharing } from "./StoreSharing.js"
import type { StoreUpkeep } from "./StoreUpkeep.js"

/** Constant facts about a store. */
export interface StoreFacts {
  /** Whether stored data survives the end of the process; `* hello` reports it as `store=`. */
  readonly kind: "memory" | "disk"
  /**
   * The id of the log; `* hello` reports it as `log=`. Numbers that a client remembers are valid only for the same id.
   */
  readonly log: string
}

/** The state of a store that is open. */
export type StoreState =
  | "ok"
  /** As in `StoreFailure`. */
  | "full"
  | "damaged"
  | "unavailable"

export interface StoreService extends StoreFacts, StoreLines, StoreSearch, StoreUpkeep {
  readonly accounts: StoreAccounts
  readonly rooms: StoreRooms
  /** For a store that several servers use at the same time; undefined if this server is the only one. */
  readonly sharing?: StoreSharing | undefined
  /** The outcome of the latest request that had to write. Synchronous, for metrics. */
  readonly state: () => StoreState
}

/**
 * The port to the storage of accounts, their devices, conversations and rooms. Any fiber may make requests at any time.
 * A request is carried out even if the fiber that waits for it is interrupted.
 *
 * Layers: `MemoryStore` stores everything in memory until its scope closes, `Sqlite` in a file, `Postgres` in a
 * database. A server without a store has no accounts.
 */
export class Store extends Context.Tag("a-chat/Store")<Store, StoreService>() {}
