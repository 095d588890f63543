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
 * How many cursors of rooms a transaction saves: this number per millisecond since the last one, and never more than
 * `mostOfRooms`. One takes the store about 1.5 µs, for which lines wait, and a line may move those of thousands of
 * devices.
 */
const ofRoomsPerMilli = 10
const mostOfRooms = 1_000

/** A cursor that has moved. */
export interface MovedCursor extends Cursor {
  readonly isOfRoom: boolean
}

/**
 * How far devices were given their conversations, as far as that is not saved yet. Only the last value is kept.
 *
 * A transaction saves all cursors of direct conversations, by which the store knows what waits for an account. Those of
 * rooms only say where a device continues after the server was killed, so that not every transaction need save all of
 * them.
 */
export class Cursors {
  private readonly isMoved = Effect.unsafeMakeLatch(false)
  private readonly direct = new MovedCursors()
  private readonly ofRooms = new MovedCursors()
  /** The monotonic time of the last transaction. */
  private takenAt = -Infinity
  /** The cursors of rooms that are saved with the next transactions, whatever time has passed. */
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

  /** Saves everything that has moved so far with the next transactions. */
  setDue() {
    this.due = this.ofRooms.size
  }

  /** Whether the next transaction has to follow at once. */
  get hasDue(): boolean {
    return this.due > 0
  }

  /**
   * Removes and returns what the next transaction is to save. `saved` or `putBack` follows.
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

  /** The transaction has saved what it has taken. */
  saved() {
    this.underWay = []
  }

  /**
   * Saves what is not saved yet: all of it, or that of these accounts. What the store does not save stays here. Cursors
   * of a transaction under way are saved once more: if it fails, it may be too late, since a device is given up by
   * then.
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

  /** Puts back what could not be saved. */
  putBack(cursors: ReadonlyArray<MovedCursor>) {
    this.underWay = []
    this.keep(cursors)
  }

  private keep(cursors: ReadonlyArray<MovedCursor>) {
    for (const cursor of cursors) this.add(cursor)
  }

  private taken(cursors: ReadonlyArray<MovedCursor>): ReadonlyArray<MovedCursor> {
    // A login may have saved some of those that were due: transactions would follow at once without end.
    this.due = Math.max(0, Math.min(this.due, this.ofRooms.size))
    if (this.direct.size + this.ofRooms.size === 0) this.isMoved.unsafeClose()
    return cursors
  }
}

/** Cursors that have moved, by account: those of the account come first that has waited longest. */
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

  /** Removes and returns some, or all of them if these are fewer. */
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

  /** Removes and returns those of an account. */
  takeOf(account: AccountId): ReadonlyArray<MovedCursor> {
    const moves = this.accounts.get(account)
    if (moves === undefined) return []
    this.accounts.delete(account)
    this.size -= moves.size
    return [...moves.values()]
  }
}
