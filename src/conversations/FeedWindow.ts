import type { Peer } from "../chat/Peer.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import type { Cursors, DeviceKey } from "./Cursors.js"
import type { Receipts } from "./Receipts.js"

/**
 * The most lines and bytes that a device may have been given and not have taken. Beyond, it gets pages from the log.
 */
export const windowLines = 4_096
const windowBytes = 524_288

/** The most lines and bytes of a page. Transactions wait while a page is read. */
export const pageLines = 512
export const pageBytes = 65_536

/** Taken entries are dropped once there are this many. Dropping them one by one would copy the rest each time. */
const passedEntries = 16

/** Consecutive lines of a conversation in the outbox, all of them for this device. */
interface UnderWay {
  readonly conversation: ConversationId
  /** Undefined once the client has left the room. */
  key: ConversationKey | undefined
  /** How many of the lines are not taken yet. */
  lines: number
  /** The number of the last line. */
  seq: number
  /** `seq`, or the number of a later line that the cursor passes with it, because it is not for this device. */
  upTo: number
  /** The bytes of these lines; an estimate where only some of a run were taken. */
  bytes: number
  /** The entry is a notice of a gap that ends at `seq`. It is taken before the lines that follow it. */
  readonly isGap: boolean
}

/**
 * The lines that a device has been given and has not taken, in order. The cursor of a conversation follows the lines
 * that the device takes; a guest has no cursors.
 */
export class FeedWindow {
  /**
   * Once all lines are taken, the last entry stays, empty: for most devices the next lines continue it, which saves the
   * memory and time for another entry (benchmark: room-1000).
   */
  private underWay: Array<UnderWay | undefined> = []
  /** How many entries at the start of `underWay` are taken. */
  private passed = 0
  /** The number of lines that are not taken yet, and their bytes. */
  private lines = 0
  private bytes = 0
  /** How many gap notices are written, but not taken yet. */
  private writtenGaps = 0

  constructor(
    private readonly peer: Peer,
    /** Undefined for a guest. */
    private readonly device: DeviceKey | undefined,
    private readonly broker: { readonly cursors: Cursors; readonly receipts: Receipts }
  ) {}

  get hasRoom(): boolean {
    return this.lines < windowLines && this.bytes < windowBytes
  }

  get hasRoomForPage(): boolean {
    return this.lines <= windowLines - pageLines && this.bytes <= windowBytes - pageBytes
  }

  /** The lines in the window: all those after `after`. */
  get held(): ReadonlyArray<{ readonly conversation: ConversationId; readonly after: number }> {
    const first = new Map<ConversationId, number>()
    for (let index = this.passed; index < this.underWay.length; index++) {
      const line = this.underWay[index]
      if (line === undefined || line.isGap || line.lines === 0 || line.key === undefined) continue
      if (first.has(line.conversation)) continue
      first.set(line.conversation, line.seq - line.lines)
    }
    return Array.from(first, ([conversation, after]) => ({ conversation, after }))
  }

  /** Consecutive lines of a conversation, up to number `seq`, were put into the device's outbox. */
  add(conversation: ConversationId, key: ConversationKey, lines: number, seq: number, bytes: number, isGap: boolean) {
    this.lines += lines
    this.bytes += bytes
    const { underWay } = this
    const last = underWay[underWay.length - 1]
    if (last !== undefined && !isGap && last.upTo === seq - lines && isContinued(last, conversation)) {
      last.lines += lines
      last.bytes += bytes
      last.seq = seq
      last.upTo = seq
      return
    }
    if (last?.lines === 0) underWay.pop()
    underWay.push({ conversation, key, lines, seq, upTo: seq, bytes, isGap })
  }

  /** A line is not for this device. If the line before it is under way, the cursor passes both together. */
  passOver(conversation: ConversationId, key: ConversationKey, seq: number) {
    for (let index = this.underWay.length - 1; index >= this.passed; index--) {
      const line = this.underWay[index]
      if (line?.conversation !== conversation || line.key === undefined || line.lines === 0) continue
      line.upTo = seq
      return
    }
    if (this.device !== undefined) this.broker.cursors.moved(this.device, conversation, key, seq)
  }

  /** The client has left a room: its lines that were not taken no longer count. */
  forget(conversation: ConversationId) {
    for (let index = this.passed; index < this.underWay.length; index++) {
      const line = this.underWay[index]
      if (line?.conversation === conversation) line.key = undefined
    }
  }

  /** Gaps are written. They count once all lines before them are taken. */
  gapsWritten(count: number) {
    this.writtenGaps += count
  }

  /** The device has taken lines that are not gaps, and the gaps between them that are written. */
  taken(lines: number) {
    for (let left = lines; ;) {
      const line = this.underWay[this.passed]
      const isWrittenGap = line?.isGap === true && this.writtenGaps > 0
      if (left === 0 && !isWrittenGap) break
      if (line === undefined || line.lines === 0 || (line.isGap && !isWrittenGap)) {
        throw new Error("more lines were taken than given")
      }
      if (!isWrittenGap && line.lines > left) {
        this.takePart(line, left)
        this.hasTaken(line, line.seq - line.lines)
        break
      }
      const { lines: taken } = line
      this.takePart(line, taken)
      if (isWrittenGap || this.passed < this.underWay.length - 1) {
        this.underWay[this.passed] = undefined
        this.passed += 1
      }
      if (isWrittenGap) {
        this.writtenGaps -= 1
        this.hasTakenGap(line)
        continue
      }
      left -= taken
      const next = this.underWay[this.passed]
      const isLastOfRun = left === 0 || next?.conversation !== line.conversation || next.isGap
      if (isLastOfRun) this.hasTaken(line, line.upTo)
    }
    // Not as soon as all are taken, as most are at once: V8 allocates 17 entries when the first is added (benchmark:
    // room-1000).
    if (this.passed < passedEntries || (this.passed < windowLines && this.lines > 0)) return
    this.underWay = this.underWay.slice(this.passed)
    this.passed = 0
  }

  private takePart(line: UnderWay, lines: number) {
    const bytes = lines === line.lines ? line.bytes : Math.floor((line.bytes * lines) / line.lines)
    line.lines -= lines
    line.bytes -= bytes
    this.lines -= lines
    this.bytes -= bytes
  }

  /** The device has taken the line with this number and all lines before it. */
  private hasTaken({ conversation, key }: UnderWay, seq: number) {
    if (this.device === undefined || key === undefined) return
    this.broker.cursors.moved(this.device, conversation, key, seq)
    if (key.kind !== "room") this.broker.receipts.given({ conversation, key, seq }, this.device.account, this.peer.name)
  }

  /**
   * The cursor passes a gap together with the next line, if there is one: the device may not have read the notice yet.
   */
  private hasTakenGap({ conversation, key, upTo }: UnderWay) {
    if (this.device === undefined || key === undefined) return
    for (let index = this.passed; index < this.underWay.length; index++) {
      const line = this.underWay[index]
      if (line?.conversation === conversation && line.lines > 0) return
    }
    this.broker.cursors.moved(this.device, conversation, key, upTo)
  }
}

/** Whether lines of this conversation that start right after `upTo` can be added to this entry. */
const isContinued = ({ conversation: last, isGap, key, seq, upTo }: UnderWay, conversation: ConversationId) =>
  last === conversation && key !== undefined && !isGap && seq === upTo
