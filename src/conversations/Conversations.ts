import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import type { Account } from "../chat/Device.js"
import type { FeatureContext, MakeFeature } from "../chat/Feature.js"
import type { WriterKind } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { Destination } from "../chat/Route.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreService } from "../ports/Store.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import type { StoreError } from "../ports/StoreError.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as HelloWord from "../protocol/HelloWord.js"
import * as Name from "../protocol/Name.js"
import { Cursors } from "./Cursors.js"
import { Feed } from "./Feed.js"
import * as LineHead from "./LineHead.js"
import { Mailbox } from "./Mailbox.js"
import { Pager } from "./Pager.js"
import { isSelf, otherAccount } from "./Parties.js"
import { Receipts } from "./Receipts.js"
import { Rendering } from "./Rendering.js"
import * as Retention from "./Retention.js"
import { Returns } from "./Returns.js"
import { StoreWriter } from "./StoreWriter.js"

/** Cursors are saved with the next transaction, at the latest after this time. */
const cursorDelay = Duration.seconds(1)

/** Lines return as `unavailable` while the store does not answer, but not those that it may have stored. */
const storeWriter: WriterKind = { jamReason: "unavailable", decidesAlone: true }

/** Between a request that failed and the next one. */
const retryDelay = Duration.seconds(1)

/** So many mailboxes of accounts to which nothing is under way are kept, so that routes to them stay valid. */
const maxIdle = 1_024

/** A store, and what the devices of accounts have been given that it does not know yet. */
export interface ConversationsStore {
  readonly store: StoreService
  readonly cursors: Cursors
}

/** Prepares a store for conversations. Accounts are to use the result as well: a new device starts at exact cursors. */
export const prepare = (plain: StoreService): ConversationsStore => {
  const cursors = new Cursors()
  const openDevice: StoreService["accounts"]["openDevice"] = (...device) =>
    Effect.zipRight(cursors.save(plain), plain.accounts.openDevice(...device))
  return { cursors, store: { ...plain, accounts: { ...plain.accounts, openDevice } } }
}

/**
 * Lines to accounts: they are stored, and then given to the account's devices (protocol, section 10). An account is a
 * recipient whose writer is the store.
 */
export const make = (
  prepared: ConversationsStore,
  accounts: AccountIndex
): {
  readonly feature: MakeFeature
  /** In the broker's turn: an account was removed, and lines that waited for it return. */
  readonly removed: (toGuests: ReadonlyArray<Undelivered>) => void
} => {
  let conversations: Conversations | undefined = undefined
  return {
    feature: (broker) => {
      const started = new Conversations(prepared, accounts, broker)
      conversations = started
      return {
        words: HelloWord.kept,
        resolvers: [started],
        lookAlike: (name) => started.lookAlike(name),
        run: started.run,
        joined: (peer) => started.joined(peer),
        left: (peer) => started.left(peer),
        ended: (peer) => started.ended(peer)
      }
    },
    removed: (toGuests) => conversations?.removed(toGuests)
  }
}

class Conversations {
  private readonly mailboxes = new Map<AccountId, Mailbox>()
  /** Mailboxes of which nothing is in use, the one that was idle longest first. */
  private readonly idle = new Set<Mailbox>()
  private readonly feeds = new Map<Peer, Feed>()
  private readonly store: StoreService
  private readonly cursors: Cursors
  private readonly rendering: Rendering
  private readonly writer: StoreWriter
  private readonly pager: Pager
  private readonly receipts: Receipts
  private readonly returns: Returns
  /** Feeds that ask what waits for them, in this order. */
  private readonly opening: Array<Feed> = []
  private readonly hasOpening = Effect.unsafeMakeLatch(false)

  constructor(
    { cursors, store }: ConversationsStore,
    private readonly accounts: AccountIndex,
    private readonly broker: FeatureContext
  ) {
    const { inTurn, put } = broker
    const failed = (error: StoreError, again?: () => void) => this.failed(error, again)
    this.store = store
    this.cursors = cursors
    this.rendering = new Rendering({ nameOf: (id) => accounts.withId(id)?.name ?? "", put })
    this.pager = new Pager({ store, inTurn, failed })
    this.receipts = new Receipts({
      inTurn,
      put,
      writersTo: (conversation, key, reader) => this.writersTo(conversation, key, reader)
    })
    this.returns = new Returns({
      store,
      inTurn,
      failed,
      give: broker.give,
      deviceOf: (account) => this.mailboxes.get(account)?.device
    })
    this.writer = new StoreWriter({
      store,
      inTurn,
      failed,
      cursors: this.cursors,
      settled: (mailbox, batch, outcomes) => {
        broker.settledEach(mailbox.inlet, batch, outcomes)
        this.takeFrom(mailbox)
      },
      stored: (mailbox, line, by, { again, at, conversation, seq }) => {
        const { account, author, conversation: key, isAuto, text, to } = line
        if (again) return this.receipts.wroteAgain(by, mailbox.account, { conversation, key, seq })
        const kept = { seq, at, account, author, text, isAuto, to }
        mailbox.stored(conversation, key, kept, by)
        if (account === undefined) this.returns.stored(conversation, seq, by)
        else this.receipts.wrote(by, conversation)
        const own = account === undefined || account === mailbox.account.id ? undefined : this.mailboxes.get(account)
        own?.stored(conversation, key, kept, by)
      }
    })
  }

  /** Until the broker ends. What was given by then is saved. */
  readonly run: Effect.Effect<void> = Effect.suspend(() =>
    Effect.all(
      [
        this.writer.run,
        this.pager.run,
        this.receipts.run,
        this.returns.run,
        this.returns.report,
        this.retention,
        this.open,
        this.saveCursors
      ].map(surviving),
      { concurrency: "unbounded", discard: true }
    )
  ).pipe(Effect.ensuring(Effect.suspend(() => this.writer.finish)))

  resolve(name: string): Destination<Peer> | undefined {
    const account = this.accounts.named(name)
    return account === undefined || account.isRemoved
      ? undefined
      : { outboxes: [this.mailbox(account).inlet], suffix: "" }
  }

  lookAlike(name: string): string | undefined {
    if (name.length > Name.maxWireLength) return undefined
    const account = this.accounts.alike(name)
    return account === undefined || account.isRemoved || account.name === name ? undefined : account.name
  }

  joined(peer: Peer) {
    const { device } = peer
    if (device === undefined) return
    const { account, name } = device
    const mailbox = this.mailbox(account)
    const before = mailbox.feedOf(name)
    const feed = new Feed(
      peer,
      { account: account.id, device: name },
      {
        give: this.broker.give,
        wantPage: (wanting) => this.pager.add(wanting),
        cursors: this.cursors,
        receipts: this.receipts,
        rendering: this.rendering
      }
    )
    mailbox.feeds.set(peer, feed)
    this.feeds.set(peer, feed)
    this.idle.delete(mailbox)
    // The connection that this one replaces may still be given lines: only once it has ended, the cursor is exact.
    if (before === undefined) this.openLater(feed)
  }

  left(peer: Peer) {
    this.feeds.get(peer)?.end()
  }

  ended(peer: Peer) {
    this.returns.ended(peer)
    this.receipts.ended(peer)
    const feed = this.feeds.get(peer)
    if (feed === undefined) return
    this.feeds.delete(peer)
    const mailbox = this.mailboxes.get(feed.device.account)
    mailbox?.feeds.delete(peer)
    if (mailbox === undefined) return
    const next = mailbox.feedOf(feed.device.device)
    if (next !== undefined) this.openLater(next)
    if (mailbox.feeds.size === 0) this.receipts.forget(mailbox.account.id)
    this.rest(mailbox)
  }

  removed(toGuests: ReadonlyArray<Undelivered>) {
    this.returns.tell(toGuests)
    for (const { device } of this.feeds.values()) this.returns.check(device.account)
  }

  private mailbox(account: Account): Mailbox {
    const known = this.mailboxes.get(account.id)
    if (known !== undefined) return known
    const inlet = this.broker.outbox(account.name, storeWriter)
    inlet.form = LineHead.form
    const mailbox = new Mailbox(account, inlet)
    this.mailboxes.set(account.id, mailbox)
    this.takeFrom(mailbox)
    return mailbox
  }

  /** Takes the next batch of an inlet, as soon as there is one. */
  private takeFrom(mailbox: Mailbox) {
    mailbox.inlet.onBatch((batch) => {
      this.idle.delete(mailbox)
      this.writer.take(mailbox, batch)
    })
    this.rest(mailbox)
  }

  /** Forgets the mailboxes that were idle longest, if there are too many. */
  private rest(mailbox: Mailbox) {
    if (!mailbox.isIdle) return
    this.idle.add(mailbox)
    if (this.idle.size <= maxIdle) return
    for (const oldest of this.idle) {
      this.idle.delete(oldest)
      if (!oldest.isIdle) continue
      const { id, name } = oldest.account
      this.mailboxes.delete(id)
      this.broker.discard(oldest.inlet)
      this.broker.changed(name)
      return
    }
  }

  private openLater(feed: Feed) {
    this.opening.push(feed)
    this.hasOpening.unsafeOpen()
  }

  /** Asks the store what waits for devices that have logged in. */
  private get open(): Effect.Effect<never> {
    const next = Effect.suspend(() => {
      const feed = this.opening.shift()
      if (feed === undefined) {
        this.hasOpening.unsafeClose()
        return Effect.void
      }
      const { account, device } = feed.device
      return this.cursors.save(this.store).pipe(
        // They are never saved then, and what is intact can be read: the device may get lines again.
        Effect.catchIf(
          ({ reason }) => reason === "damaged",
          () => Effect.void
        ),
        Effect.zipRight(this.store.waiting(account, device)),
        Effect.flatMap((waiting) =>
          this.broker.inTurn(() => {
            this.mailboxes.get(account)?.opened(waiting)
            feed.open(waiting)
            this.returns.check(account)
          })
        ),
        Effect.catchAll((error) => this.failed(error, () => this.openLater(feed)))
      )
    })
    return Effect.forever(Effect.zipRight(this.hasOpening.await, next))
  }

  private get retention(): Effect.Effect<never> {
    return Retention.run({
      store: this.store,
      inTurn: this.broker.inTurn,
      betweenPages: (step) => this.pager.between(step),
      held: () => this.held(),
      removed: ({ senders, undelivered }) => {
        this.returns.tell(undelivered)
        for (const sender of senders) this.returns.check(sender)
      },
      failed: (error) => this.failed(error)
    })
  }

  /** The lines in devices' outboxes. Several devices may be given one conversation: the slowest of them counts. */
  private held(): ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }> {
    const slowest = new Map<ConversationId, number>()
    for (const feed of this.feeds.values()) {
      for (const { after, conversation } of feed.held) {
        slowest.set(conversation, Math.min(after, slowest.get(conversation) ?? after))
      }
    }
    return Array.from(slowest, ([conversation, after]) => ({ conversation, after }))
  }

  /** The connections that may want to know that an account was given what they sent. */
  private writersTo(conversation: ConversationId, key: ConversationKey, reader: AccountId): ReadonlyArray<Peer> {
    const writer = otherAccount(key, reader)
    if (writer === undefined) return [this.returns.guestOf(conversation)].flatMap((guest) => guest ?? [])
    return isSelf(key) ? [] : [...(this.mailboxes.get(writer)?.feeds.keys() ?? [])]
  }

  private get saveCursors(): Effect.Effect<never> {
    return this.cursors.some.pipe(
      Effect.zipRight(Effect.sleep(cursorDelay)),
      Effect.zipRight(Effect.sync(() => this.writer.saveCursors())),
      Effect.forever
    )
  }

  /** Reports that the store did not do what it was asked to do, waits, and then asks again. */
  private failed(error: StoreError, again: () => void = () => {}): Effect.Effect<void> {
    const warning = Effect.logWarning("the store does not work; lines to accounts return until it does")
    return Effect.annotateLogs(warning, { reason: error.reason, cause: error.message }).pipe(
      Effect.zipRight(Effect.sleep(retryDelay)),
      Effect.zipRight(Effect.sync(again))
    )
  }
}

/** A defect is logged, and costs the step in which it occurred: other lines still have to be stored. */
const surviving = (loop: Effect.Effect<never>): Effect.Effect<never> =>
  Effect.forever(
    Effect.catchAllDefect(loop, (defect) =>
      Effect.zipRight(Effect.logError("a defect in the conversations", Cause.die(defect)), Effect.sleep(retryDelay))
    )
  )
