import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import { NoticeSource, type Source } from "../chat/Source.js"
import {
  keyText,
  type ConversationId,
  type ConversationKey,
  type StoredPage,
  type StoredLine,
  type Waiting
} from "../ports/StoreLines.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Cursors, DeviceKey } from "./Cursors.js"
import { FeedWindow, windowLines } from "./FeedWindow.js"
import { isSelf } from "./Parties.js"
import type { Receipts } from "./Receipts.js"
import { RecentNumbers } from "./RecentNumbers.js"
import type { Rendering } from "./Rendering.js"
import type { RoomRun } from "./RoomRun.js"
import { SparseMap } from "./SparseMap.js"

/**
 * How many conversations a feed remembers the last given line of. More than the lines of a transaction: a page may
 * contain those before the feed learns that they are stored.
 */
const rememberedConversations = 4_096

/** The page that a feed asks for. */
export interface WantedPage {
  readonly conversation: ConversationId
  readonly after: number
  readonly before?: number | undefined
}

/** A conversation that the device gets page by page. */
interface Behind {
  readonly key: ConversationKey
  /** The last known name of its guest. */
  guest: string | undefined
  /** The last line that was given, or is known to be gone. */
  given: number
  /** The next page begins after this line. Higher than `given` if the lines in between could not be read. */
  after: number
  /** The last line that is known to be stored. */
  last: number
  /** The next page has only one line, because a longer one could not be read. */
  isSingle: boolean
  /** Lines were stored after the last page was requested. */
  hasMore: boolean
}

/** How far a feed is in a conversation. */
export interface FeedPlace {
  /** The last line that was given, or is known to be gone; undefined if that is the last line known to be stored. */
  readonly given: number | undefined
  /** Lines that the client has sent and that a later page will contain. */
  readonly own: Set<number> | undefined
}

/** A line of a conversation that is not given live. */
interface Early {
  readonly key: ConversationKey
  readonly seq: number
  readonly guest?: string | undefined
}

/** What all feeds need of the broker. */
export interface FeedCollaborators {
  /** Puts lines that come from this feed into the device's outbox. */
  readonly give: FeatureContext["give"]
  /** Requests the next page of this feed when its turn comes. Idempotent. */
  readonly wantPage: (feed: Feed) => void
  readonly cursors: Cursors
  readonly receipts: Receipts
  readonly rendering: Rendering
  /** Whether this client may read this conversation now. */
  readonly mayRead: (reader: Peer, key: ConversationKey) => boolean
  /**
   * Asks the store again which lines wait for this feed's device, and then calls `open`. Idempotent. Undefined if no
   * other server stores lines.
   */
  readonly askAgain?: ((feed: Feed) => void) | undefined
  /**
   * The device became too slow to receive lines as they are stored, or has caught up. Undefined if no other server
   * needs to know.
   */
  readonly lags?: ((device: DeviceKey, isSlow: boolean) => void) | undefined
}

/**
 * Gives one connected device the lines of its account's conversations, or a guest the lines of its rooms. While the
 * window has room, a line is given as it is stored (_live_); otherwise the client gets pages from the log (_behind_)
 * until it has caught up. Lines of one conversation keep their order. The cursor of a conversation follows the lines
 * that the device has taken; a guest has no cursors.
 *
 * A conversation that is not behind is live, so a feed needs no memory for hundreds of silent conversations.
 */
export class Feed implements Source {
  private behind = SparseMap.empty<ConversationId, Behind>()
  /** These conversations by `keyText`. */
  private behindKeys = SparseMap.empty<string, ConversationId>()
  /** The last line given in each conversation of which this feed has given lines lately. */
  private given: RecentNumbers<ConversationId> | undefined = undefined
  private readonly window: FeedWindow
  /** The conversation of the requested page; "forgotten" if the client has left that room since. */
  private asked: ConversationId | "forgotten" | undefined = undefined
  private gapSource: NoticeSource | undefined = undefined
  /** The store has reported which lines wait for the device. */
  private isOpen = false
  private isOver = false
  /** As last reported to `lags`: the window had no room for a page. */
  private isSlow = false
  /** Lines were stored while the store was asked, and its answer may lack them. */
  private isIncomplete = false
  /** The first line of each conversation that was stored before the store's answer came. */
  private early = SparseMap.empty<ConversationId, Early>()
  /**
   * Lines that this connection has sent and that a later page will contain. The page itself does not say which
   * connection sent them.
   */
  private own = SparseMap.empty<ConversationId, Set<number>>()

  constructor(
    readonly peer: Peer,
    /** Undefined for a guest. */
    readonly device: DeviceKey | undefined,
    private readonly broker: FeedCollaborators
  ) {
    this.window = new FeedWindow(peer, device, broker)
  }

  /** Made for the first line, since most feeds give none (benchmark: memory per idle connection of an account). */
  private get numbers(): RecentNumbers<ConversationId> {
    return (this.given ??= new RecentNumbers(rememberedConversations))
  }

  /**
   * The store has reported the conversations in which lines wait. Lines that this server stores later are new. Lines
   * that other servers store are announced, or in the store's next report.
   */
  open(waiting: ReadonlyArray<Waiting>) {
    if (this.isOver) return
    this.isOpen = true
    if (this.isIncomplete) this.broker.askAgain?.(this)
    this.isIncomplete = false
    for (const { conversation, cursor, guest, key, last } of waiting) {
      const behind = this.behind.get(conversation)
      if (behind !== undefined) {
        // The requested page may have been read before the last of these lines was stored.
        if (last > behind.last) this.hasGrown(behind, last)
        continue
      }
      // If the account has entered the room since, the feed begins where `follow` has put it.
      const given = this.given?.get(conversation) ?? cursor
      if (given < last && this.broker.mayRead(this.peer, key)) this.fallBehind(conversation, key, given, last, guest)
    }
    for (const [conversation, { guest, key, seq }] of this.early) {
      if (!this.behind.has(conversation)) this.fallBehind(conversation, key, seq - 1, seq, guest)
    }
    this.early.clear()
  }

  /**
   * The client has entered a room, of which it gets the lines after this one.
   *
   * @param stored the last line that is known to be stored
   */
  follow(conversation: ConversationId, key: ConversationKey, last: number, stored: number) {
    this.forget(conversation, key)
    this.numbers.set(conversation, last)
    if (stored <= last) return
    if (this.isOpen) this.fallBehind(conversation, key, last, stored)
    else this.early = this.early.put(conversation, { key, seq: last + 1 })
  }

  /** The position of this feed in a conversation, for another feed of the same client. */
  placeIn(conversation: ConversationId): FeedPlace {
    const given = this.behind.get(conversation)?.given ?? this.given?.get(conversation)
    return { given, own: this.own.get(conversation) }
  }

  /** The same as `follow`, from the position of another feed of this client. */
  goOn(conversation: ConversationId, key: ConversationKey, { given, own }: FeedPlace, stored: number) {
    this.follow(conversation, key, given ?? stored, stored)
    if (own !== undefined) this.own = this.own.put(conversation, own)
  }

  /** The client has left a room: it gets no more of its lines, and those that it has not taken yet no longer count. */
  forget(conversation: ConversationId, key: ConversationKey) {
    this.behind.delete(conversation)
    this.behindKeys.delete(keyText(key))
    this.early.delete(conversation)
    this.given?.delete(conversation)
    this.own.delete(conversation)
    if (this.asked === conversation) this.asked = "forgotten"
    this.window.forget(conversation)
  }

  /** The device leaves, or another connection takes its place: it gets nothing more. */
  end() {
    this.isOver = true
    this.behind.clear()
    this.behindKeys.clear()
  }

  /** Whether lines can be given: the store has reported which lines wait, and the device is not leaving. */
  get isReady(): boolean {
    return this.isOpen && !this.isOver
  }

  /** Whether lines of this conversation reach the device as they are stored. */
  isLive(key: ConversationKey): boolean {
    return this.isReady && (this.behind.size === 0 || !this.behindKeys.has(keyText(key)))
  }

  /** The lines in the outbox: all those after `after`. */
  get held(): ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }> {
    return this.window.held
  }

  /**
   * A line has been stored.
   *
   * @param by the connection that sent it
   */
  stored(conversation: ConversationId, key: ConversationKey, line: StoredLine, by: Peer) {
    if (this.isOver) return
    const { seq } = line
    if (this.isUnknown(conversation)) return this.noteOwn(conversation, line, by)
    if (!this.isOpen) {
      this.isEarly(conversation, key, seq, line.author)
      return this.noteOwn(conversation, line, by)
    }
    const behind = this.behind.get(conversation)
    if (behind !== undefined) {
      this.hasGrown(behind, seq)
      behind.guest = line.author
      return this.noteOwn(conversation, line, by)
    }
    const before = this.given?.get(conversation) ?? seq - 1
    if (seq <= before) return // it was on the last page
    if (seq > before + 1 || !this.window.hasRoom) {
      this.fallBehind(conversation, key, before, seq, line.author)
      this.noteOwn(conversation, line, by)
    } else {
      const text = this.takeUp(conversation, key, line, by)
      if (text !== undefined) this.broker.give(this.peer, text, 1, this)
    }
  }

  /** Other servers may have stored lines that were not announced. */
  checkAgain() {
    if (this.device === undefined || this.isOver) return
    if (this.isOpen) this.broker.askAgain?.(this)
    else this.isIncomplete = true
  }

  /** Another server has stored lines, the last of which has the number `last`. They are read from the log. */
  announced(conversation: ConversationId, key: ConversationKey, last: number) {
    if (this.isOver || this.isUnknown(conversation)) return
    if (!this.isOpen) return this.isEarly(conversation, key, last)
    const behind = this.behind.get(conversation)
    const given = this.given?.get(conversation) ?? last
    if (behind !== undefined) this.hasGrown(behind, last)
    else if (last > given) this.fallBehind(conversation, key, given, last)
  }

  /**
   * Whether the device's position in a conversation is unknown, because other servers may have stored earlier lines
   * that were not announced. If so, asks the store.
   */
  private isUnknown(conversation: ConversationId): boolean {
    const { askAgain } = this.broker
    if (askAgain === undefined || this.device === undefined) return false
    if (this.behind.has(conversation) || this.given?.get(conversation) !== undefined) return false
    if (this.isOpen) askAgain(this)
    else this.isIncomplete = true
    return true
  }

  private isEarly(conversation: ConversationId, key: ConversationKey, seq: number, guest?: string) {
    const given = this.given?.get(conversation) ?? seq - 1
    if (seq <= given || this.early.has(conversation)) return
    this.early = this.early.put(conversation, { key, seq: given + 1, guest })
  }

  /**
   * Lines of a room have been stored. Most members get all of them in the same form, which takes one step: it dominates
   * the cost of a line to many members (benchmark: room-1000).
   */
  storedAll(run: RoomRun) {
    const { conversation, lines } = run
    const { device, peer } = this
    const isPlain =
      run.isWhole &&
      this.isReady &&
      !this.behind.has(conversation) &&
      this.given?.get(conversation) === run.first - 1 &&
      this.window.hasRoom &&
      !run.isBy(peer) &&
      (device === undefined || !run.accounts.has(device.account))
    if (!isPlain) {
      const { by, key } = run
      for (let index = 0; index < lines.length; index++) {
        this.stored(conversation, key, lines[index] as StoredLine, by[index] as Peer) // in range: parallel
      }
      return
    }
    const shared = this.broker.rendering.run(peer, run)
    const { text } = shared
    this.numbers.set(conversation, run.last)
    this.window.add(conversation, run.key, lines.length, run.last, text.length, false)
    this.broker.give(peer, text, lines.length, this, shared)
  }

  private noteOwn(conversation: ConversationId, { account, seq }: StoredLine, by: Peer) {
    // Without `copies`, a device gets no lines of its account anyway. This line may be older than the account.
    if (by !== this.peer || (account !== undefined && !by.words.has("copies"))) return
    const own = this.own.get(conversation)
    if (own === undefined) this.own = this.own.put(conversation, new Set([seq]))
    // Bounded, for clients that send without reading: a device then gets copies of its lines, a guest the lines
    // themselves.
    else if (own.size < windowLines) own.add(seq)
  }

  private isOwn(conversation: ConversationId, seq: number): boolean {
    const own = this.own.get(conversation)
    if (own?.delete(seq) !== true) return false
    if (own.size === 0) this.own.delete(conversation)
    return true
  }

  /** The page to ask for now, if the device has room for one. */
  nextPage(): WantedPage | undefined {
    if (this.isOver) return undefined
    if (!this.window.hasRoomForPage) {
      if (this.behind.size > 0) this.setSlow(true)
      return undefined
    }
    for (const [conversation, behind] of this.behind) {
      const { after, isSingle } = behind
      behind.hasMore = false
      this.asked = conversation
      return isSingle ? { conversation, after, before: after + 2 } : { conversation, after }
    }
    return undefined
  }

  /** A page has arrived. Conversations take turns, so the next page is of another one. */
  page(conversation: ConversationId, page: StoredPage) {
    const behind = this.wantedBy(conversation)
    if (behind === undefined) return
    const { lines } = page
    // Retention has removed the whole conversation.
    const last = page.last === 0 ? behind.last : page.last
    let from = 0
    lines.forEach(({ seq }, index) => {
      const expected = index === 0 ? behind.given + 1 : (lines[index - 1]?.seq ?? 0) + 1
      if (seq === expected) return
      this.give(conversation, behind.key, lines.slice(from, index), undefined)
      behind.guest = lines[index]?.author
      this.gap(conversation, behind, expected, seq - 1)
      from = index
    })
    this.give(conversation, behind.key, lines.slice(from), undefined)
    behind.given = lines.at(-1)?.seq ?? behind.given
    behind.guest = lines.at(-1)?.author ?? behind.guest
    behind.after = behind.isSingle ? behind.after + 1 : Math.max(behind.given, page.damaged?.at(-1)?.last ?? 0)
    const hasMore = behind.isSingle ? behind.after < last : page.hasMore
    behind.isSingle = false
    this.afterPage(conversation, behind, hasMore, last)
  }

  /** A page could not be read. Its lines are then read one by one, so that only damaged ones are skipped. */
  damaged(conversation: ConversationId) {
    const behind = this.wantedBy(conversation)
    if (behind === undefined) return
    if (behind.isSingle) behind.after += 1
    behind.isSingle = true
    this.afterPage(conversation, behind, behind.after < behind.last, behind.last)
  }

  /**
   * The state that the page was requested for; undefined if the feed has ended or the client has left the room, even if
   * it has entered it again. Then the page of another conversation may be requested.
   */
  private wantedBy(conversation: ConversationId): Behind | undefined {
    const behind = this.behind.get(conversation)
    const isOld = this.asked === "forgotten"
    this.asked = undefined
    if (behind !== undefined && !isOld && this.broker.mayRead(this.peer, behind.key)) return behind
    if (this.behind.size > 0) this.broker.wantPage(this)
    return undefined
  }

  private afterPage(conversation: ConversationId, behind: Behind, hasMore: boolean, last: number) {
    const { key } = behind
    this.behind.delete(conversation)
    this.behindKeys.delete(keyText(key))
    if (!hasMore && last > behind.given) {
      this.gap(conversation, behind, behind.given + 1, last)
      behind.given = last
      behind.after = last
    }
    this.numbers.renew(conversation, behind.given)
    if (hasMore || behind.hasMore) this.setBehind(conversation, behind)
    if (this.behind.size > 0) this.broker.wantPage(this)
    else this.setSlow(false)
  }

  private setSlow(isSlow: boolean) {
    if (this.isSlow === isSlow || this.device === undefined) return
    this.isSlow = isSlow
    this.broker.lags?.(this.device, isSlow)
  }

  /** These lines are gone: removed by retention, or damaged. */
  private gap(conversation: ConversationId, { guest, key }: Behind, first: number, last: number) {
    const text = this.broker.rendering.gap(this.peer, key, guest, first, last)
    Metrics.refused("gap")
    this.window.add(conversation, key, 1, last, text.length, true)
    this.broker.give(this.peer, text, 1, this.gaps)
  }

  /** With `ack`, the lines before a gap may be acknowledged after it is written. The lines after it always are. */
  private get gaps(): NoticeSource {
    return (this.gapSource ??= new NoticeSource((count) => {
      this.window.gapsWritten(count)
      this.delivered(0)
    }))
  }

  delivered(lines: number) {
    this.window.taken(lines)
    if (this.behind.size > 0 && this.window.hasRoomForPage) this.broker.wantPage(this)
  }

  private fallBehind(
    conversation: ConversationId,
    key: ConversationKey,
    given: number,
    last: number,
    guest?: string | undefined
  ) {
    this.setBehind(conversation, { key, guest, given, after: given, last, isSingle: false, hasMore: true })
    this.broker.wantPage(this)
  }

  /** A line of this conversation has been stored, perhaps after the requested page was read. */
  private hasGrown(behind: Behind, last: number) {
    behind.hasMore = true
    behind.last = Math.max(behind.last, last)
  }

  private setBehind(conversation: ConversationId, behind: Behind) {
    this.behind = this.behind.put(conversation, behind)
    this.behindKeys = this.behindKeys.put(keyText(behind.key), conversation)
  }

  private give(
    conversation: ConversationId,
    key: ConversationKey,
    lines: ReadonlyArray<StoredLine>,
    by: Peer | undefined
  ) {
    let text = ""
    let count = 0
    for (const line of lines) {
      const shown = this.takeUp(conversation, key, line, by)
      if (shown === undefined) continue
      text += shown
      count += 1
    }
    if (count > 0) this.broker.give(this.peer, text, count, this)
  }

  /** Counts a line as given and renders it for this client; undefined if the client does not get this line. */
  private takeUp(
    conversation: ConversationId,
    key: ConversationKey,
    line: StoredLine,
    by: Peer | undefined
  ): string | undefined {
    const { seq } = line
    this.numbers.set(conversation, seq)
    const isOwn = by === this.peer || this.isOwn(conversation, seq) || line.isOwn === true
    const shown = isOwn && !isSelf(key) ? undefined : this.broker.rendering.line(this.peer, key, line)
    if (shown === undefined) {
      this.window.passOver(conversation, key, seq)
      return undefined
    }
    this.window.add(conversation, key, 1, seq, shown.length, false)
    return shown
  }
}
