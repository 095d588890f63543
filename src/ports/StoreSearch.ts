import type * as Effect from "effect/Effect"
import type { Phrase } from "../protocol/Words.js"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId, ConversationKey, StoredLine } from "./StoreLines.js"

/** One step of a search. */
export interface SearchRequest {
  /** The searching account or a guest. Finds only lines that `StoreLines.page` would return to it. */
  readonly reader: AccountId | "guest"
  /** The conversations to search. By default, an account searches everything that it may read, and a guest nothing. */
  readonly within?: ReadonlyArray<ConversationId> | undefined
  /** Every line that is found contains all of these. */
  readonly phrases: ReadonlyArray<Phrase>
  /** The greatest number of lines. */
  readonly limit: number
  /** The `next` of the previous step; undefined for the first one. */
  readonly from?: number | undefined
}

export interface FoundLine {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  readonly line: StoredLine
}

export interface SearchStep {
  /** Newest first. May be empty even if a later step finds lines. */
  readonly lines: ReadonlyArray<FoundLine>
  /** The `from` of the next step; undefined if everything has been searched. */
  readonly next: number | undefined
  /** Whether some of the searched lines cannot be read because they are damaged. */
  readonly isDamaged?: true
}

/** Finds lines by their words (`Words`). */
export interface StoreSearch {
  /**
   * One step of a search. Any step takes only a few milliseconds, so that other requests do not wait for a whole
   * search. Lines that are stored or removed between two steps are not found by later steps. Damaged lines are not
   * found, but reported by `isDamaged`.
   */
  readonly search: (request: SearchRequest) => Effect.Effect<SearchStep, StoreError>
  /**
   * One step of a few milliseconds that makes searches faster: indexes stored lines, or removes expired ones from the
   * index. Does not change what searches find. False if there is nothing to do for now.
   */
  readonly index: Effect.Effect<boolean, StoreError>
}
