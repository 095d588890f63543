import * as Effect from "effect/Effect"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId, Cursor, StoreLines } from "../ports/StoreLines.js"

/** A device, as the store knows it. */
export interface DeviceKey {
  readonly account: AccountId
  readonly device: string
}

/** How far devices were given their conversations, as far as that is not saved yet. Only the last value is kept. */
export class Cursors {
  private readonly isMoved = Effect.unsafeMakeLatch(false)
  private readonly moves = new Map<string, Cursor>()

  moved({ account, device }: DeviceKey, conversation: ConversationId, seq: number) {
    const key = `${account}/${device}/${conversation}`
    const saved = this.moves.get(key)
    if (saved !== undefined && saved.seq >= seq) return
    this.moves.set(key, { account, device, conversation, seq })
    this.isMoved.unsafeOpen()
  }

  /** Waits until there is something to save. */
  get some(): Effect.Effect<void> {
    return this.isMoved.await
  }

  /** Removes and returns what is to be saved. */
  take(): ReadonlyArray<Cursor> {
    const moves = [...this.moves.values()]
    this.moves.clear()
    this.isMoved.unsafeClose()
    return moves
  }

  /** Saves what is not saved yet. What the store does not save stays here. */
  save(store: Pick<StoreLines, "saveCursors">): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const cursors = this.take()
      if (cursors.length === 0) return Effect.void
      return Effect.tapError(store.saveCursors(cursors), () => Effect.sync(() => this.putBack(cursors)))
    })
  }

  /** Puts back what could not be saved. */
  putBack(cursors: ReadonlyArray<Cursor>) {
    for (const { account, conversation, device, seq } of cursors) this.moved({ account, device }, conversation, seq)
  }
}
