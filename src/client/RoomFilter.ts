import * as Wire from "../protocol/Wire.js"
import * as Acknowledgement from "./Acknowledgement.js"
import { placeOf, type KeptPlace } from "./LastSeen.js"
import { MessageFilter, type LineFilter, type MessageFilterOptions } from "./ListenFormat.js"
import * as Received from "./Received.js"
import { RoomFeed, type FollowedRooms, type RoomFeedOptions } from "./RoomFeed.js"

export interface RoomFilterOptions extends MessageFilterOptions {
  /** The rooms whose messages to let through, and where to begin in them. */
  readonly rooms: FollowedRooms
  /** Whether to stop once the past of the rooms has been read. */
  readonly isPastOnly: boolean
}

export interface RoomClient extends Pick<RoomFeedOptions<unknown>, "isOfAccount" | "name" | "post"> {
  /** The id of the server's log. */
  readonly log: string | undefined
}

interface Item {
  readonly line: string
  /** Whether the line is part of a reply to `/history`. */
  readonly isPast: boolean
}

/**
 * Picks the messages of rooms out of what a server sends, in the order of the rooms' logs: the requested past, or lines
 * missed between two connections, come before new ones.
 */
export class RoomFilter implements LineFilter {
  handled = 0
  server: Received.ServerKind = "original"
  private feed: RoomFeed<Item> | undefined = undefined
  private readonly names: ReadonlySet<string>
  private readonly wanted: MessageFilter
  private hasEnded = false
  /** Number of messages that arrived while the past was read. They are handled only after all earlier ones. */
  private waiting = 0
  private places: Array<KeptPlace> = []

  constructor(private readonly options: RoomFilterOptions) {
    this.names = new Set(options.rooms.names)
    this.wanted = new MessageFilter({ from: options.from, count: options.count })
    this.wanted.server = "a-chat"
  }

  get left(): number {
    return this.hasEnded ? 0 : this.wanted.left
  }

  /** Whether messages wait until the past has been read. */
  get isHolding(): boolean {
    return this.feed?.isLive === false
  }

  connected(): void {
    this.server = "original"
    this.feed = undefined
    this.waiting = 0
  }

  /** The client is logged in. */
  enter({ log, ...client }: RoomClient): void {
    if (this.feed !== undefined) return
    this.options.rooms.useLog(log)
    this.feed = new RoomFeed<Item>({
      ...client,
      rooms: this.options.rooms,
      item: (line) => ({ line, isPast: true }),
      drop: () => {}
    })
    this.feed.start()
  }

  take(block: string, report: (received: Received.Received) => void): string {
    let taken = ""
    for (let at = 0, next = 0; at < block.length && this.left > 0; at = next) {
      next = block.indexOf("\n", at) + 1
      const line = Wire.decode(block.slice(at, next - 1).replace(/\r$/u, ""))
      if (Acknowledgement.isMessage(line)) this.waiting += 1
      const item = { line, isPast: false }
      for (const passed of this.feed?.take(line, item) ?? [item]) taken += this.takeItem(passed, report)
      if (this.isHolding) continue
      this.handled += this.waiting
      this.waiting = 0
      if (this.feed !== undefined && this.options.isPastOnly) this.hasEnded = true
    }
    return taken
  }

  takePlaces(): ReadonlyArray<KeptPlace> {
    const { places } = this
    this.places = []
    return places
  }

  private takeItem({ isPast, line }: Item, report: (received: Received.Received) => void): string {
    const received = Received.parse(line)
    if (received._tag !== "Message") return this.takeReport(received, line, report)
    if (received.room === undefined || !this.names.has(received.room) || this.left === 0) return ""
    const { seen } = this.options
    const place = seen === undefined ? undefined : placeOf(received)
    if (place !== undefined) {
      if (!isPast && seen?.isRepeat(place) === true) return ""
      seen?.passed(place)
      this.places.push(place)
    }
    return this.wanted.take(`${Wire.encode(line)}\n`, report)
  }

  private takeReport(received: Received.Received, line: string, report: (received: Received.Received) => void): string {
    const gap = Received.gapIn(received)
    if (gap !== undefined && !this.names.has(gap.conversation)) return ""
    report(received)
    return gap !== undefined && this.options.withGaps === true ? `${Wire.encode(line)}\n` : ""
  }
}
