import type { Peer } from "../chat/Peer.js"
import type { Source } from "../chat/Source.js"
import type { ConversationId, ConversationKey, Page, StoredLine, Waiting } from "../ports/StoreLines.js"
import type { Cursors, DeviceKey } from "./Cursors.js"
import { isSelf } from "./Parties.js"
import type { Receipts } from "./Receipts.js"
import type { Rendering } from "./Rendering.js"

/** The most lines and bytes that a device has been given and has not taken. Beyond it, the log feeds it page by page. */
const windowLines = 4_096
const windowBytes = 524_288

/** The most lines and bytes of a page. Its lines are read in one go, and transactions wait for that. */
export const pageLines = 512
export const pageBytes = 65_536

/** A conversation that the device gets page by page. */
interface Behind {
  readonly key: ConversationKey
  /** The last line that was given. */
  given: number
  /** Lines were stored since the last page was asked for. */
  hasMore: boolean
}

/** A line in the outbox. */
interface UnderWay {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  /** Its number, or that of the last line after it that is not for this device. */
  seq: number
  readonly bytes: number
}

interface Collaborators {
  /** Puts lines that come from this feed into the device's outbox. */
  readonly give: (peer: Peer, text: string, lines: number, source: Source) => void
  /** Asks for the next page of this feed, once there is time. Idempotent. */
  readonly wantPage: (feed: Feed) => void
  readonly cursors: Cursors
  readonly receipts: Receipts
  readonly rendering: Rendering
}

/**
 * Gives one connected device the lines of its account's conversations: each one as it is stored while there is room
 * (_live_), and otherwise page by page from the log (_behind_), until it has caught up. Lines of one conversation keep
 * their order. The cursor of a conversation follows what the device has taken.
 *
 * A conversation that is not behind is live, so a feed holds nothing of the hundreds in which nothing happens.
 */
export class Feed implements Source {
  private readonly behind = new Map<ConversationId, Behind>()
  /** The last line that was given, of each conversation that this feed has given any. */
  private readonly given = new Map<ConversationId, number>()
  /** Lines in the outbox, in order. */
  private underWay: Array<UnderWay> = []
  private taken = 0
  private bytes = 0
  /** It is known what the device has not been given. */
  private isOpen = false
  private isOver = false
  /** The first line of each conversation that was stored before that was known. */
  private readonly early = new Map<ConversationId, { readonly key: ConversationKey; readonly seq: number }>()

  constructor(
    readonly peer: Peer,
    readonly device: DeviceKey,
    private readonly broker: Collaborators
  ) {}

  /** The store has answered in which conversations something waits. Whatever is stored after that is new. */
  open(waiting: ReadonlyArray<Waiting>) {
    if (this.isOver) return
    this.isOpen = true
    for (const { conversation, cursor, key } of waiting) this.fallBehind(conversation, key, cursor)
    for (const [conversation, { key, seq }] of this.early) {
      if (!this.behind.has(conversation)) this.fallBehind(conversation, key, seq - 1)
    }
    this.early.clear()
  }

  /** The device leaves, or another connection takes its place: it gets nothing more. */
  end() {
    this.isOver = true
    this.behind.clear()
  }

  /** Whether the device can be given lines: what it has not been given is known, and it is not leaving. */
  get isReady(): boolean {
    return this.isOpen && !this.isOver
  }

  /** Whether lines of this conversation reach the device as they are stored. */
  isLive(conversation: ConversationId | undefined): boolean {
    return this.isReady && (conversation === undefined || !this.behind.has(conversation))
  }

  /** The lines in the outbox: all those after `after`. */
  get held(): ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }> {
    const first = new Map<ConversationId, number>()
    for (let index = this.taken; index < this.underWay.length; index++) {
      const line = this.underWay[index]
      if (line !== undefined && !first.has(line.conversation)) first.set(line.conversation, line.seq - 1)
    }
    return Array.from(first, ([conversation, after]) => ({ conversation, after }))
  }

  /**
   * A line has been stored.
   *
   * @param by the connection that sent it
   */
  stored(conversation: ConversationId, key: ConversationKey, line: StoredLine, by: Peer) {
    if (this.isOver) return
    const { seq } = line
    if (!this.isOpen) {
      if (!this.early.has(conversation)) this.early.set(conversation, { key, seq })
      return
    }
    const behind = this.behind.get(conversation)
    if (behind !== undefined) {
      behind.hasMore = true
      return
    }
    const before = this.given.get(conversation) ?? seq - 1
    if (seq <= before) return // it was on the last page
    if (seq > before + 1 || !this.hasRoom) this.fallBehind(conversation, key, before)
    else this.give(conversation, key, [line], by)
  }

  /** The page to ask for now, if the device has room for one. */
  nextPage(): { readonly conversation: ConversationId; readonly after: number } | undefined {
    if (this.isOver || !this.hasRoomForPage) return undefined
    for (const [conversation, behind] of this.behind) {
      behind.hasMore = false
      return { conversation, after: behind.given }
    }
    return undefined
  }

  /** A page has arrived. Conversations take turns: the next page is of another one. */
  page(conversation: ConversationId, page: Page) {
    const behind = this.behind.get(conversation)
    if (behind === undefined) return // it is over
    const { hasMore, last, lines } = page
    this.behind.delete(conversation)
    let from = 0
    lines.forEach(({ seq }, index) => {
      const expected = index === 0 ? behind.given + 1 : (lines[index - 1]?.seq ?? 0) + 1
      if (seq === expected) return
      this.give(conversation, behind.key, lines.slice(from, index), undefined)
      this.gap(conversation, behind.key, page, expected, seq - 1)
      from = index
    })
    this.give(conversation, behind.key, lines.slice(from), undefined)
    behind.given = lines.at(-1)?.seq ?? behind.given
    if (!hasMore && last > behind.given) {
      this.gap(conversation, behind.key, page, behind.given + 1, last)
      behind.given = last
    }
    this.given.set(conversation, behind.given)
    if (page.hasMore || behind.hasMore) this.behind.set(conversation, behind)
    if (this.behind.size > 0) this.broker.wantPage(this)
  }

  /** These lines are gone: they are kept no longer, or damaged. */
  private gap(conversation: ConversationId, key: ConversationKey, { lines }: Page, first: number, last: number) {
    this.broker.rendering.gap(this.peer, key, lines, first, last)
    this.passOver(conversation, last)
  }

  delivered(lines: number) {
    for (let left = lines; left > 0; left--) {
      const line = this.underWay[this.taken]
      if (line === undefined) throw new Error("more lines were taken than given")
      this.taken += 1
      this.bytes -= line.bytes
      const isLastOfRun = left === 1 || this.underWay[this.taken]?.conversation !== line.conversation
      if (isLastOfRun) this.hasTaken(line)
    }
    if (this.taken >= windowLines || this.taken === this.underWay.length) {
      this.underWay = this.underWay.slice(this.taken)
      this.taken = 0
    }
    if (this.behind.size > 0 && this.hasRoomForPage) this.broker.wantPage(this)
  }

  /** The device has taken a line, and all those before it. */
  private hasTaken(line: UnderWay) {
    this.broker.cursors.moved(this.device, line.conversation, line.seq)
    this.broker.receipts.given(line, this.device.account, this.peer.name)
  }

  private fallBehind(conversation: ConversationId, key: ConversationKey, given: number) {
    this.behind.set(conversation, { key, given, hasMore: true })
    this.broker.wantPage(this)
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
      this.given.set(conversation, line.seq)
      const shown = by === this.peer && !isSelf(key) ? undefined : this.broker.rendering.line(this.peer, key, line)
      if (shown === undefined) {
        this.passOver(conversation, line.seq)
        continue
      }
      text += shown
      count += 1
      this.bytes += shown.length
      this.underWay.push({ conversation, key, seq: line.seq, bytes: shown.length })
    }
    if (count > 0) this.broker.give(this.peer, text, count, this)
  }

  /** A line that is not for this device. The cursor passes it together with the line before it, if that is under way. */
  private passOver(conversation: ConversationId, seq: number) {
    for (let index = this.underWay.length - 1; index >= this.taken; index--) {
      const line = this.underWay[index]
      if (line?.conversation !== conversation) continue
      line.seq = seq
      return
    }
    this.broker.cursors.moved(this.device, conversation, seq)
  }

  private get lines(): number {
    return this.underWay.length - this.taken
  }

  private get hasRoom(): boolean {
    return this.lines < windowLines && this.bytes < windowBytes
  }

  private get hasRoomForPage(): boolean {
    return this.lines <= windowLines - pageLines && this.bytes <= windowBytes - pageBytes
  }
}
