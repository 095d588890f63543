import type * as Effect from "effect/Effect"
import type { Phrase } from "../protocol/Words.js"
import type { AccountId } from "./StoreAccounts.js"
import type { StoreError } from "./StoreError.js"
import type { ConversationId, ConversationKey, StoredLine } from "./StoreLines.js"

/** One step of a search. */
export interface SearchRequest {
  /** Who searches. Lines that `StoreLines.page` would not give to it are not found. */
  readonly reader: AccountId | "guest"
  /**
   * Only lines of these conversations. Without them an account searches everything that it may read, and a guest
   * nothing.
   */
  readonly within?: ReadonlyArray<ConversationId> | undefined
  /** All of them are in each line that is found. */
  readonly phrases: ReadonlyArray<Phrase>
  /** The greatest number of lines. */
  readonly limit: number
  /** Where the step before has ended; undefined for the first one. */
  readonly from?: number | undefined
}

export interface FoundLine {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  readonly line: StoredLine
}

export interface SearchStep {
  /** Newest first. There may be none although a later step finds some. */
  readonly lines: ReadonlyArray<FoundLine>
  /** The `from` of the next step; undefined if everything has been searched. */
  readonly next: number | undefined
  /** Lines among those that were searched cannot be read, because they are damaged. */
  readonly isDamaged?: true
}

/** Finds lines by their words (`Words`). */
export interface StoreSearch {
  /**
   * One step of a search, of a few milliseconds whatever is searched: other requests do not wait for a whole search.
   * Lines that are stored, and ones that are removed, between two steps are not found by the later ones. Damaged lines
   * are not found, and `isDamaged` says that there are some.
   */
  readonly search: (request: SearchRequest) => Effect.Effect<SearchStep, StoreError>
  /**
   * One step of making searches fast, of a few milliseconds: indexes lines that were stored, or removes from the index
   * what is kept no longer. Searches find the same without it. False if there is nothing to do for now.
   */
  readonly index: Effect.Effect<boolean, StoreError>
}
