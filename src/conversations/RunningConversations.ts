import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import type { DevicesElsewhere } from "../accounts/DevicesElsewhere.js"
import type { Command } from "../chat/Commands.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { Destination } from "../chat/Route.js"
import { alone } from "../ports/OtherServers.js"
import type { StoreService } from "../ports/Store.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { ofRoom, type ConversationId, type ConversationKey, type Waiting } from "../ports/StoreLines.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as Name from "../protocol/Name.js"
import * as PastReply from "../protocol/PastReply.js"
import { Announcements } from "./Announcements.js"
import { changesElsewhere, type ChangesElsewhere, type SharedAccounts } from "./ChangesElsewhere.js"
import type { ConversationsStore } from "./ConversationsStore.js"
import type { Cursors } from "./Cursors.js"
import { Feed, type FeedCollaborators } from "./Feed.js"
import { Holding, slowest } from "./Holding.js"
import { Indexing } from "./Indexing.js"
import { type KeptLine, storedLine } from "./KeptRecipient.js"
import { endingInTime, surviving } from "./Loops.js"
import { LostFeeds } from "./LostFeeds.js"
import type { Mailbox } from "./Mailbox.js"
import { Mailboxes } from "./Mailboxes.js"
import { Opening } from "./Opening.js"
import { Pager } from "./Pager.js"
import { isSelf, otherAccount } from "./Parties.js"
import * as PastCommands from "./PastCommands.js"
import { Receipts } from "./Receipts.js"
import { Rendering } from "./Rendering.js"
import * as Retention from "./Retention.js"
import { Returns } from "./Returns.js"
import { ReturnsElsewhere } from "./ReturnsElsewhere.js"
import type { RoomRun } from "./RoomRun.js"
import { type MakeRooms, type RoomsFeature } from "./RoomsFeature.js"
import * as SearchCommand from "./SearchCommand.js"
import { Searches } from "./Searches.js"
import { StoreTrouble } from "./StoreTrouble.js"
import { StoreWriter } from "./StoreWriter.js"

/** Moved cursors are saved with the next transactions, and at the latest after this time. */
const cursorDelay = Duration.seconds(1)

/** The conversations of a server that has started: the parts, and how they work together. */
export class RunningConversations {
  readonly rooms: RoomsFeature
  private readonly mailboxes: Mailboxes
  private readonly feeds = new Map<Peer, Feed>()
  private readonly store: StoreService
  private readonly cursors: Cursors
  private readonly rendering: Rendering
  private readonly writer: StoreWriter
  private readonly opening: Opening
  private readonly pager: Pager
  private readonly receipts: Receipts
  private readonly returns: Returns
  private readonly indexing: Indexing
  private readonly trouble: StoreTrouble
  private readonly announcements: Announcements
  /** Undefined if no other server uses the store. */
  private readonly changes: ChangesElsewhere | undefined
  private readonly holding: Holding
  private readonly lostFeeds: LostFeeds
  private readonly returnsElsewhere: ReturnsElsewhere
  private readonly forFeeds: FeedCollaborators

  constructor(
    { cursors, news, store }: ConversationsStore,
    private readonly accounts: AccountIndex,
    private readonly broker: FeatureContext,
    makeRooms: MakeRooms,
    devices: DevicesElsewhere,
    shared: SharedAccounts | undefined
  ) {
    const { atEnd, inTurn, put } = broker
    const trouble = new StoreTrouble(broker.time.now)
    const { failed } = trouble
    this.lostFeeds = new LostFeeds({ inTurn, expel: broker.expel, unreadable: trouble.unreadable })
    const lost = this.lostFeeds.lose
    this.store = store
    this.cursors = cursors
    this.trouble = trouble
    this.rendering = new Rendering({
      nameOf: (id) => accounts.nameOf(id),
      nameOfRoom: (room) => this.rooms.nameOf(room),
      isListed: (room) => this.rooms.isListed(room)
    })
    this.opening = new Opening({
      store,
      cursors,
      inTurn,
      failed,
      lost,
      opened: (feed, waiting) => this.opened(feed, waiting)
    })
    this.pager = new Pager({ store, inTurn, failed, unreadable: trouble.unreadable, lost })
    const { others } = devices
    this.receipts = new Receipts({
      others,
      sharing: others === alone ? undefined : store.sharing,
      inTurn,
      failed,
      put,
      givenOfGuest: (conversation, seq) => this.returns.given(conversation, seq),
      writersTo: (conversation, key, reader) => this.writersTo(conversation, key, reader)
    })
    this.returns = new Returns({
      store,
      inTurn,
      failed,
      give: broker.give,
      breakOff: (guest) => broker.breakOff(guest, "connection-lost"),
      // If several servers have devices of an account, only one notifies it.
      deviceOf: (account) =>
        [...devices.serversOf(account)].some(({ id }) => id < others.self)
          ? undefined
          : this.mailboxes.get(account)?.device
    })
    this.indexing = new Indexing({ store, failed })
    this.writer = new StoreWriter({
      store,
      inTurn,
      atEnd,
      failed,
      holdTime: () => broker.options.current.holdTimeout,
      overdue: trouble.overdue,
      surviving,
      works: Effect.zipRight(
        Effect.sync(() => this.indexing.changed()),
        trouble.works
      ),
      cursors: this.cursors,
      now: broker.time.now
    })
    this.announcements = new Announcements({
      devices,
      atEnd,
      announced: (conversation, key, last) => this.announced(conversation, key, last)
    })
    this.mailboxes = new Mailboxes(
      broker,
      this.writer,
      (mailbox, stored) => this.stored(mailbox, stored),
      others === alone ? undefined : (account) => devices.isLive(account)
    )
    this.rooms = makeRooms({
      broker,
      take: (recipient, batch) => this.writer.take(recipient, batch),
      feedsOf: (account) => this.mailboxes.get(account)?.allFeeds ?? [],
      guestFeed: (guest) => this.guestFeed(guest),
      give: (feed, run) => this.storedInRoom(feed, run),
      others,
      devicesElsewhere: devices,
      announce: (room, last, to = others.all) => this.announcements.announce(to, room, ofRoom(room), last),
      announced: (feed, room, last) => this.feedAnnounced(feed, room, ofRoom(room), last),
      beforeOwn: Effect.suspend(() => this.changes?.beforeOwn ?? Effect.void),
      catchUp: Effect.suspend(() => this.changes?.catchUp ?? Effect.void),
      failed
    })
    this.returnsElsewhere = new ReturnsElsewhere({
      returns: this.returns,
      feeds: () => this.feeds.values(),
      breakOff: broker.breakOff
    })
    // Registered before the changes are read, so that they include removals by servers that believed this one lost.
    this.holding = new Holding({
      others,
      inTurn,
      alone: (step) => this.pager.between(this.writer.between(step)),
      held: () => slowest(Array.from(this.feeds.values(), ({ held }) => held)),
      sharing: store.sharing,
      failed
    })
    this.changes = changesElsewhere(store, shared, this.rooms, this.returnsElsewhere, { others, inTurn, failed })
    news.tell = this.changes?.tell ?? Effect.void
    this.forFeeds = {
      give: broker.give,
      wantPage: (feed) => this.pager.add(feed),
      cursors,
      receipts: this.receipts,
      rendering: this.rendering,
      mayRead: (reader, key) => key.kind !== "room" || this.rooms.mayRead(reader, key.room),
      askAgain: others === alone ? undefined : (feed) => this.opening.add(feed),
      lags: others === alone ? undefined : (device, isSlow) => devices.lags(device, isSlow)
    }
    this.follow(devices)
  }

  /** Lines that other servers stored before they knew of a device, or just before they stopped, were not announced. */
  private follow(devices: DevicesElsewhere) {
    const { others } = devices
    devices.whenKnown(({ account, device }) => this.mailboxes.get(account)?.feedOf(device)?.checkAgain())
    devices.whenLeft((account) => this.returns.check(account))
    others.part("tails", { appeared: () => this.receipts.checkAgain(), lost: () => this.checkAllAgain() })
    others.beforeResuming(this.broker.inTurn(() => this.checkAllAgain()))
  }

  /** The store has reported which lines wait for a device. */
  private opened(feed: Feed, waiting: ReadonlyArray<Waiting>) {
    const isFirst = !feed.isReady
    feed.open(waiting)
    if (isFirst && feed.device !== undefined) this.returns.check(feed.device.account)
  }

  /** A line to an account has been stored. */
  private stored(mailbox: Mailbox, stored: KeptLine) {
    const { lose } = this.lostFeeds
    const { by } = stored
    const { again, conversation, given, seq } = stored.answer
    const { account, conversation: key } = stored.line
    if (again) return this.receipts.wroteAgain(by, mailbox.account, { conversation, key, seq }, given)
    this.receipts.wrote(by, mailbox.account, { conversation, key, seq })
    const kept = storedLine(stored)
    mailbox.give(conversation, key, kept, by, lose)
    this.announcements.stored(conversation, key, seq)
    if (account === undefined) this.returns.stored(conversation, seq, by)
    const own = account === undefined || account === mailbox.account.id ? undefined : this.mailboxes.get(account)
    own?.give(conversation, key, kept, by, lose)
  }

  /** Lines of a room have been stored. */
  private storedInRoom(feed: Feed, run: RoomRun) {
    try {
      feed.storedAll(run)
    } catch (defect) {
      this.lostFeeds.lose(feed, defect)
    }
  }

  /** Another server has stored lines of a conversation, up to this one. */
  private announced(conversation: ConversationId, key: ConversationKey, last: number) {
    if (key.kind === "room") return this.rooms.announced?.(key.room, last)
    const accounts = key.kind === "guest" ? [key.account] : new Set(key.accounts)
    for (const account of accounts) {
      for (const feed of this.mailboxes.get(account)?.allFeeds ?? []) this.feedAnnounced(feed, conversation, key, last)
    }
    this.indexing.changed()
  }

  private feedAnnounced(feed: Feed, conversation: ConversationId, key: ConversationKey, last: number) {
    try {
      feed.announced(conversation, key, last)
    } catch (defect) {
      this.lostFeeds.lose(feed, defect)
    }
  }

  /** Other servers' messages about lines that they have stored or given may be missing. */
  private checkAllAgain() {
    for (const feed of this.feeds.values()) feed.checkAgain()
    this.receipts.checkAgain()
  }

  /** Runs until the broker ends, then saves the cursors, unless the store does not answer. */
  readonly run: Effect.Effect<void> = Effect.suspend(() =>
    Effect.all(
      [
        this.writer.run,
        this.writer.watch,
        this.opening.run,
        this.pager.run,
        this.receipts.run,
        this.receipts.check,
        this.returns.run,
        this.returns.report,
        this.retention,
        this.holding.run,
        this.indexing.run,
        this.saveCursors,
        this.lostFeeds.close,
        ...(this.changes === undefined ? [] : [this.changes.run]),
        ...(this.rooms.run === undefined ? [] : [Effect.zipRight(this.rooms.run, Effect.never)])
      ].map((loop) => Effect.forever(surviving(loop))),
      { concurrency: "unbounded", discard: true }
    )
  ).pipe(
    (running) =>
      Effect.zipRight(
        Effect.suspend(() => this.trouble.atStart(this.store.state())),
        running
      ),
    Effect.ensuring(Effect.suspend(() => this.writer.finish)),
    endingInTime
  )

  get facts(): Readonly<Record<string, string>> {
    const { searchRate } = this.broker.options.current
    const rate: Readonly<Record<string, string>> = searchRate === 0 ? {} : { "search-rate": `${searchRate}` }
    return { "max-history": `${PastReply.maxPageLines}`, ...rate }
  }

  get commands(): ReadonlyArray<Command> {
    const { accounts, broker, rendering, rooms, store } = this
    const context = { store, accounts, rooms, rendering, broker }
    return [...PastCommands.make(context), SearchCommand.make({ ...context, searches: new Searches(store) })]
  }

  resolve(name: string): Destination<Peer> | undefined {
    const account = this.accounts.named(name)
    return account === undefined || account.isRemoved
      ? undefined
      : { outboxes: [this.mailboxes.of(account).inlet], suffix: "" }
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
    const mailbox = this.mailboxes.of(account)
    const before = mailbox.feedOf(name)
    const feed = new Feed(peer, { account: account.id, device: name }, this.forFeeds)
    mailbox.add(feed)
    this.feeds.set(peer, feed)
    this.mailboxes.inUse(mailbox)
    this.rooms.connected(feed)
    // The replaced connection may still take lines. The cursor is exact only after it has ended.
    if (before === undefined) this.opening.add(feed)
  }

  private guestFeed(guest: Peer): Feed {
    const known = this.feeds.get(guest)
    if (known !== undefined) return known
    const feed = new Feed(guest, undefined, this.forFeeds)
    feed.open([])
    this.feeds.set(guest, feed)
    return feed
  }

  left(peer: Peer) {
    this.rooms.left?.(peer)
    this.feeds.get(peer)?.end()
    // A guest has no cursors to save, and may be about to register.
    if (peer.device === undefined) this.feeds.delete(peer)
  }

  ended(peer: Peer) {
    this.rooms.ended?.(peer)
    this.returns.ended(peer)
    this.receipts.ended(peer)
    const feed = this.feeds.get(peer)
    if (feed?.device === undefined) return
    this.feeds.delete(peer)
    const mailbox = this.mailboxes.get(feed.device.account)
    if (mailbox === undefined) return
    mailbox.delete(feed)
    const next = mailbox.feedOf(feed.device.device)
    if (next !== undefined) this.opening.add(next)
    if (!mailbox.isConnected) this.receipts.forget(mailbox.account.id)
    this.mailboxes.rest(mailbox)
  }

  cutOff() {
    this.writer.giveUp()
  }

  removed(toGuests: ReadonlyArray<Undelivered>, account: AccountId) {
    this.rooms.accountRemoved(account)
    this.returnsElsewhere.found(toGuests, undefined)
  }

  private get retention(): Effect.Effect<never> {
    return Retention.run({
      store: this.store,
      inTurn: this.broker.inTurn,
      alone: (step) => this.holding.during(step),
      removed: ({ senders, undelivered }) => {
        this.indexing.changed()
        this.returnsElsewhere.found(undelivered, senders)
      },
      failed: (error) => this.trouble.failed(error)
    })
  }

  /** The connections that may want receipts from this reader. */
  private writersTo(conversation: ConversationId, key: ConversationKey, reader: AccountId): ReadonlyArray<Peer> {
    const writer = otherAccount(key, reader)
    if (writer === undefined) return this.returns.guestsIn(conversation)
    return isSelf(key) ? [] : (this.mailboxes.get(writer)?.peers ?? [])
  }

  private get saveCursors(): Effect.Effect<never> {
    return this.cursors.some.pipe(
      Effect.zipRight(Effect.sleep(cursorDelay)),
      Effect.zipRight(this.writer.saveCursors),
      Effect.forever
    )
  }
}
