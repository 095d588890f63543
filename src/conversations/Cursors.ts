import * as Effect from "effect/Effect"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId, ConversationKey, Cursor, StoreLines } from "../ports/StoreLines.js"

/** A device, as the store knows it. */
export interface DeviceKey {
  readonly account: AccountId
  readonly device: string
}

/**
 * A transaction saves this many cursors of rooms per millisecond since the last one, and at most `mostOfRooms`. Lines
 * wait while the store saves cursors, about 1.5 µs for each, and one line may move the cursors of thousands of devices.
 */
const ofRoomsPerMilli = 10
const mostOfRooms = 1_000

/** A cursor that has moved. */
export interface MovedCursor extends Cursor {
  readonly isOfRoom: boolean
}

/**
 * The cursors that have moved and are not saved yet. Only the latest value of each counts.
 *
 * A transaction saves all cursors of direct conversations, because they determine which lines wait for an account. The
 * cursors of rooms only determine where a device continues after the server was killed, so a transaction may save some
 * of them.
 */
export class Cursors {
  private readonly isMoved = Effect.unsafeMakeLatch(false)
  private readonly direct = new MovedCursors()
  private readonly ofRooms = new MovedCursors()
  /** The monotonic time of the last transaction. */
  private takenAt = -Infinity
  /** How many cursors of rooms the next transactions save regardless of the time that has passed. */
  private due = 0
  /** The cursors of the transaction under way, which may fail. */
  private underWay: ReadonlyArray<MovedCursor> = []

  moved({ account, device }: DeviceKey, conversation: ConversationId, { kind }: ConversationKey, seq: number) {
    this.add({ account, device, conversation, seq, isOfRoom: kind === "room" })
  }

  private add(cursor: MovedCursor) {
    const moves = cursor.isOfRoom ? this.ofRooms : this.direct
    moves.add(cursor)
    this.isMoved.unsafeOpen()
  }

  /** Waits until there is something to save. */
  get some(): Effect.Effect<void> {
    return this.isMoved.await
  }

  /** The next transactions save all cursors that have moved so far. */
  setDue() {
    this.due = this.ofRooms.size
  }

  /** Whether the next transaction has to follow at once. */
  get hasDue(): boolean {
    return this.due > 0
  }

  /**
   * Removes and returns the cursors for the next transaction. The caller then calls `saved` or `putBack`.
   *
   * @param now the monotonic time
   */
  take(now: number): ReadonlyArray<MovedCursor> {
    const allowed = Math.min(mostOfRooms, Math.max(this.due, Math.floor((now - this.takenAt) * ofRoomsPerMilli)))
    this.takenAt = now
    const ofRooms = this.ofRooms.take(allowed)
    this.due -= ofRooms.length
    this.underWay = this.taken([...this.direct.take(Infinity), ...ofRooms])
    return this.underWay
  }

  /** The transaction has saved its cursors. */
  saved() {
    this.underWay = []
  }

  /**
   * Saves the cursors of these accounts, by default of all, outside a transaction of lines. If that fails, they stay
   * here. Cursors of a transaction under way are saved twice, because it may fail after this server has released the
   * device.
   */
  save(store: Pick<StoreLines, "saveCursors">, ...accounts: ReadonlyArray<AccountId>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const kinds = [this.direct, this.ofRooms]
      const cursors = this.taken(
        kinds.flatMap((moves) =>
          accounts.length === 0 ? moves.take(Infinity) : accounts.flatMap((account) => moves.takeOf(account))
        )
      )
      const underWay = this.underWay.filter(({ account }) => accounts.length === 0 || accounts.includes(account))
      const all = [...underWay, ...cursors]
      if (all.length === 0) return Effect.void
      return Effect.tapError(store.saveCursors(all), () => Effect.sync(() => this.keep(cursors)))
    })
  }

  /** Puts cursors back that could not be saved. */
  putBack(cursors: ReadonlyArray<MovedCursor>) {
    this.underWay = []
    this.keep(cursors)
  }

  private keep(cursors: ReadonlyArray<MovedCursor>) {
    for (const cursor of cursors) this.add(cursor)
  }

  private taken(cursors: ReadonlyArray<MovedCursor>): ReadonlyArray<MovedCursor> {
    // A login may have saved some of the cursors that were due. Without this, transactions would follow one another
    // forever.
    this.due = Math.max(0, Math.min(this.due, this.ofRooms.size))
    if (this.direct.size + this.ofRooms.size === 0) this.isMoved.unsafeClose()
    return cursors
  }
}

/** Moved cursors by account, that of the longest waiting account first. */
class MovedCursors {
  size = 0
  private readonly accounts = new Map<AccountId, Map<string, MovedCursor>>()

  add(cursor: MovedCursor) {
    const { account, conversation, device, seq } = cursor
    const key = `${conversation}/${device}`
    const known = this.accounts.get(account)
    const before = known?.get(key)
    if (before !== undefined && before.seq >= seq) return
    if (before === undefined) this.size += 1
    if (known === undefined) this.accounts.set(account, new Map([[key, cursor]]))
    else known.set(key, cursor)
  }

  /** Removes and returns at most `count` cursors. */
  take(count: number): ReadonlyArray<MovedCursor> {
    const taken: Array<MovedCursor> = []
    for (const [account, moves] of this.accounts) {
      for (const [key, cursor] of moves) {
        if (taken.length >= count) return taken
        moves.delete(key)
        this.size -= 1
        taken.push(cursor)
      }
      this.accounts.delete(account)
    }
    return taken
  }

  /** Removes and returns the cursors of an account. */
  takeOf(account: AccountId): ReadonlyArray<MovedCursor> {
    const moves = this.accounts.get(account)
    if (moves === undefined) return []
    this.accounts.delete(account)
    this.size -= moves.size
    return [...moves.values()]
  }
}
