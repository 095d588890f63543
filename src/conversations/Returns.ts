import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import type { Source } from "../chat/Source.js"
import type { StoreService } from "../ports/Store.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId } from "../ports/StoreLines.js"
import type { PendingReturn, UndeliveredRange } from "../ports/StoreUpkeep.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import { GuestLines } from "./GuestLines.js"

interface Collaborators {
  readonly store: StoreService
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly give: (peer: Peer, text: string, lines: number, source: Source) => void
  /** A connected device of the account that receives messages, if there is one. */
  readonly deviceOf: (account: AccountId) => Peer | undefined
  /** Ends the connection of a guest without a farewell. */
  readonly breakOff: (guest: Peer) => void
  /** Reports a failure, and calls `again` after a while. */
  readonly failed: (error: StoreError, again: () => void) => Effect.Effect<void>
}

const toldOnce: Source = { delivered: () => {} }

/**
 * Notifies senders, once, of stored lines that no device of the recipient will get. An account is notified on its first
 * device that connects. A guest is notified only on the connection that sent the line, because the next client with its
 * name may belong to another user.
 */
export class Returns {
  private readonly guestLines: GuestLines
  private readonly due = new Set<AccountId>()
  /**
   * The connection on which each account is being notified; undefined once it has taken the notices, until the store
   * has recorded that.
   */
  private readonly underWay = new Map<AccountId, Peer | undefined>()
  private readonly hasDue = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Collaborators) {
    this.guestLines = new GuestLines(broker.breakOff)
  }

  /** A line of a guest has been stored. */
  stored(conversation: ConversationId, seq: number, guest: Peer) {
    this.guestLines.stored(conversation, seq, guest)
  }

  /** The account was given every line of a guest up to this one. */
  given(conversation: ConversationId, seq: number) {
    this.guestLines.given(conversation, seq)
  }

  /** The guests that have written in a conversation, while they are connected. */
  guestsIn(conversation: ConversationId): ReadonlyArray<Peer> {
    return this.guestLines.writersIn(conversation)
  }

  /** The guests that have written to accounts, while they are connected. */
  get guests(): ReadonlyArray<Peer> {
    return this.guestLines.writers
  }

  ended(peer: Peer) {
    this.guestLines.ended(peer)
    const account = peer.device?.account.id
    if (account === undefined || this.underWay.get(account) !== peer) return
    this.underWay.delete(account)
    this.check(account)
  }

  /**
   * Notifies those of these guests that are still connected.
   *
   * @param isCounted whether another server has already counted the lines as lines without a notified sender
   */
  tell(returns: ReadonlyArray<UndeliveredRange>, isCounted = false) {
    let dead = 0
    for (const undelivered of returns) {
      if (!isCounted) dead += undelivered.count
      for (const { peer, ...own } of this.guestLines.among(undelivered)) {
        dead -= own.count
        // Counted for `/ack`, like the returns of accounts; a guest is notified only once.
        this.broker.give(peer, OutcomeReply.returned({ ...undelivered, ...own }), 1, toldOnce)
      }
    }
    if (dead !== 0) this.wasTold([], dead)
  }

  /** There may be returns for this account. */
  check(account: AccountId) {
    this.due.add(account)
    this.hasDue.unsafeOpen()
  }

  get run(): Effect.Effect<never> {
    return Effect.forever(
      Effect.zipRight(
        this.hasDue.await,
        Effect.suspend(() => this.next())
      )
    )
  }

  private next(): Effect.Effect<void> {
    const { broker } = this
    for (const account of this.due) {
      this.due.delete(account)
      if (broker.deviceOf(account) === undefined || this.underWay.has(account)) continue
      return broker.store.returns.pending(account).pipe(
        Effect.flatMap((pending) => broker.inTurn(() => this.give(account, pending))),
        Effect.catchAll((error) => broker.failed(error, () => this.check(account)))
      )
    }
    this.hasDue.unsafeClose()
    return Effect.void
  }

  private give(account: AccountId, pending: ReadonlyArray<PendingReturn>) {
    const { broker } = this
    const peer = broker.deviceOf(account)
    if (peer === undefined || pending.length === 0) return
    let left = pending.length
    this.underWay.set(account, peer)
    broker.give(peer, pending.map(OutcomeReply.returned).join(""), pending.length, {
      delivered: (lines) => {
        left -= lines
        if (left > 0) return
        this.underWay.set(account, undefined)
        this.wasTold(pending, 0)
      }
    })
  }

  private wasTold(some: ReadonlyArray<PendingReturn>, dead: number) {
    this.told.push(...some)
    this.dead += dead
    this.hasTold.unsafeOpen()
  }

  /** Returns of which accounts have been notified, but the store does not know it yet. */
  private readonly told: Array<PendingReturn> = []
  /** How many lines of guests that have left are not reported to the store yet. */
  private dead = 0
  private readonly hasTold = Effect.unsafeMakeLatch(false)

  /** Reports to the store which returns were delivered, so that it does not return them again. */
  get report(): Effect.Effect<never> {
    const { broker } = this
    const next = Effect.suspend(() => {
      const told = this.told.splice(0)
      const { dead } = this
      this.dead = 0
      this.hasTold.unsafeClose()
      return broker.store.returns.told(told, dead).pipe(
        Effect.zipRight(broker.inTurn(() => this.known(told))),
        Effect.catchAll((error) => broker.failed(error, () => this.wasTold(told, dead)))
      )
    })
    return Effect.forever(Effect.zipRight(this.hasTold.await, next))
  }

  /** The store has recorded these deliveries. There may be new returns since. */
  private known(told: ReadonlyArray<PendingReturn>) {
    for (const account of new Set(told.map(({ account }) => account))) {
      this.underWay.delete(account)
      this.check(account)
    }
  }
}
