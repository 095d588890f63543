import type { NumberRange } from "../../client/PastReports.js"

/** What has become of a line of the user: the marks `…`, `✓`, `✓✓`, `✗` and `?`. */
export type LineState = "waiting" | "stored" | "received" | "failed" | "unknown"

/** An entry of a conversation, as it is shown. */
export interface ShownLine {
  /** The same for as long as the line is shown, whatever becomes of it. */
  readonly key: string
  /** A message, or what the page says: a `note` about the conversation, or a `trouble`. */
  readonly kind: "message" | "note" | "trouble"
  /** Empty if no user has sent it. */
  readonly from: string
  readonly isOwn: boolean
  readonly text: string
  /** In milliseconds since 1970. */
  readonly at: number
  /** The number of a kept line in its conversation. */
  readonly seq?: number | undefined
  readonly isGuest?: boolean | undefined
  /** Who else got it. */
  readonly to?: ReadonlyArray<string> | undefined
  readonly state?: LineState | undefined
  /** Why it was not delivered. */
  readonly why?: string | undefined
}

export interface NumberedLine extends ShownLine {
  readonly seq: number
}

/** A page of past lines. */
export interface TimelinePage {
  readonly lines: ReadonlyArray<NumberedLine>
  /** The number of its first line and of its last, damaged ones included; 0 if it is empty. */
  readonly first: number
  readonly last: number
  /** The lines among these that the server cannot read. */
  readonly damaged: ReadonlyArray<NumberRange>
  /** Whether there are more in the direction of the request. */
  readonly hasMore: boolean
}

/** Ranges in order, those joined that overlap or follow each other. */
const joinedRanges = (ranges: ReadonlyArray<NumberRange>): ReadonlyArray<NumberRange> => {
  const joined: Array<NumberRange> = []
  for (const { first, last } of ranges.toSorted((one, other) => one.first - other.first)) {
    const before = joined.at(-1)
    if (before === undefined || first > before.last + 1) joined.push({ first, last })
    else joined[joined.length - 1] = { first: before.first, last: Math.max(before.last, last) }
  }
  return joined
}

/** Its key is that of its last line: when earlier lines are loaded, the note is still the same one. */
const damagedNote = ({ first, last }: NumberRange, at: number): ShownLine => {
  const count = last - first + 1
  const lines = count === 1 ? "A message" : `${count.toLocaleString("en")} messages`
  const text = `${lines} here cannot be read, because the server’s disk is damaged.`
  return { key: `damaged ${last}`, kind: "note", from: "", isOwn: false, text, at }
}

interface Entry {
  /** Its own number, or that of the last kept line when it came. */
  readonly order: number
  /** 0 for a kept line, otherwise increasing. */
  readonly place: number
  readonly line: ShownLine
  /** The lines that are missing here; undefined for a line. */
  readonly damaged?: NumberRange | undefined
}

/**
 * The lines of a conversation that the page has: a part of the log without holes, each line once, whatever comes twice
 * or late; and between them lines that no server keeps. Usually it is the end of the log. After a jump it is another
 * part, until the user has scrolled down to the end.
 */
export class Timeline {
  private entries: Array<Entry> = []
  private readonly numbers = new Set<number>()
  private places = 0
  private lastAt = 0
  /** The first number without a hole before the next, and the last; 0 if there are none. */
  first = 0
  last = 0
  /** Whether the server may have lines before the first one. */
  hasEarlier = true
  /** Whether the last lines of the conversation are shown, rather than others. */
  isAtEnd = true
  /** Whether a page of the last lines has come. */
  isLoaded = false

  get lines(): ReadonlyArray<ShownLine> {
    return this.entries.map(({ line }) => line)
  }

  get size(): number {
    return this.entries.length
  }

  /** Whether lines are missing between two that have come. */
  get hasHole(): boolean {
    return this.isAtEnd && this.first > 0 && this.end > this.last
  }

  has(seq: number): boolean {
    return this.numbers.has(seq)
  }

  /** Whether a line has been seen before. The numbers of a name that has passed to another user begin again. */
  isRepeat({ at, seq }: { readonly seq: number; readonly at: number }): boolean {
    return at <= this.lastAt && (seq <= this.last || this.numbers.has(seq))
  }

  /** A kept line has come. Returns whether it is new. */
  keep(line: NumberedLine): boolean {
    if (this.isRepeat(line)) return false
    if (line.seq <= this.last) this.clear()
    this.lastAt = Math.max(this.lastAt, line.at)
    // Where the user reads other lines, the last ones are loaded again later.
    if (!this.isAtEnd) return true
    if (this.first === 0) {
      this.first = line.seq
      this.last = line.seq
      this.hasEarlier = line.seq > 1
    }
    this.insert(line.seq, 0, line)
    this.advance()
    return true
  }

  /**
   * A line that no server keeps: it stays after those that are there.
   *
   * @param after the number of the kept line before it
   */
  add(line: ShownLine, after = this.end): void {
    this.places += 1
    this.insert(after, this.places, line)
  }

  /** The number of the last kept line. */
  get end(): number {
    return Math.max(this.last, this.entries.at(-1)?.order ?? 0)
  }

  /** The last lines of the conversation. */
  showLatest(page: TimelinePage): void {
    const { first: from, hasMore, last: to } = page
    const isJoined = this.isAtEnd && this.first > 0 && from <= this.last + 1
    if (!isJoined) this.reset(from, to)
    if (!isJoined || from < this.first) this.hasEarlier = hasMore
    this.isAtEnd = true
    this.isLoaded = true
    this.merge(page)
  }

  /** The lines before the first one. */
  showEarlier(page: TimelinePage): void {
    // A server that says that there is more, and sends nothing, is not asked the same again.
    this.hasEarlier = page.hasMore && page.first > 0 && (this.first === 0 || page.first < this.first)
    this.merge(page)
  }

  /** The lines after the last one without a hole. Returns whether there are more after these. */
  showLater(page: TimelinePage): boolean {
    const hasMore = page.hasMore && page.last > this.last
    this.merge(page)
    if (!hasMore) this.isAtEnd = true
    return hasMore
  }

  /** Other lines than the last ones. */
  showPart(page: TimelinePage, isEnd: boolean): void {
    this.reset(page.first, page.last)
    this.entries = []
    this.numbers.clear()
    this.hasEarlier = page.hasMore
    this.isAtEnd = isEnd
    this.isLoaded = true
    this.merge(page)
  }

  /** Lines up to this number are not kept any more, and will not come. */
  skip(last: number): void {
    if (this.first === 0 || last <= this.last) return
    this.last = last
    this.advance()
  }

  /** Changes lines in place. */
  change(isMeant: (line: ShownLine) => boolean, by: (line: ShownLine) => ShownLine): boolean {
    let hasChanged = false
    this.entries = this.entries.map((entry) => {
      if (!isMeant(entry.line)) return entry
      hasChanged = true
      return { ...entry, line: by(entry.line) }
    })
    return hasChanged
  }

  remove(key: string): void {
    this.entries = this.entries.filter(({ line }) => line.key !== key)
  }

  /** Keeps no more than the last lines of this number. */
  trim(most: number): void {
    if (!this.isAtEnd || this.entries.length <= most) return
    const dropped = this.entries.splice(0, this.entries.length - most)
    for (const { line } of dropped) if (line.seq !== undefined) this.numbers.delete(line.seq)
    if (dropped.every(({ damaged, line }) => line.seq === undefined && damaged === undefined)) return
    this.hasEarlier = true
    this.first = this.entries.find(({ line }) => line.seq !== undefined)?.order ?? 0
    if (this.first === 0) this.last = 0
  }

  /** The numbers mean nothing any more. What is shown is not kept either. */
  clear(): void {
    this.entries = []
    this.numbers.clear()
    this.first = 0
    this.last = 0
    this.lastAt = 0
    this.hasEarlier = true
    this.isAtEnd = true
    this.isLoaded = false
  }

  /** Forgets the kept lines up to `last`, before others take their place. Lines after them have come meanwhile. */
  private reset(first: number, last: number) {
    this.entries = this.entries.filter(({ line, order, damaged }) => {
      return damaged === undefined && (line.seq === undefined || order > last)
    })
    this.numbers.clear()
    for (const { line } of this.entries) if (line.seq !== undefined) this.numbers.add(line.seq)
    this.first = first
    this.last = last
  }

  private merge({ damaged, first, last, lines }: TimelinePage) {
    const isBefore = (lines.at(-1)?.seq ?? 0) < (this.entries[0]?.order ?? Infinity)
    const news = lines.filter(({ seq }) => !this.numbers.has(seq))
    const entries = news.map((line): Entry => ({ order: line.seq, place: 0, line }))
    for (const { at, seq } of news) {
      this.numbers.add(seq)
      this.lastAt = Math.max(this.lastAt, at)
    }
    if (isBefore) this.entries.unshift(...entries)
    else {
      this.entries.push(...entries)
      this.entries.sort((one, other) => one.order - other.order || one.place - other.place)
    }
    if (first > 0) {
      this.first = this.first === 0 ? first : Math.min(this.first, first)
      this.last = Math.max(this.last, last)
    }
    this.note(damaged)
    this.advance()
  }

  /** Shows in the place of damaged lines that they are missing: once for all that follow each other. */
  private note(more: ReadonlyArray<NumberRange>) {
    const known = this.entries.flatMap(({ damaged }) => damaged ?? [])
    if (known.length + more.length === 0) return
    const kept = this.entries.filter(({ damaged }) => damaged === undefined)
    const notes = joinedRanges([...known, ...more]).map((damaged): Entry => {
      // Only kept lines have a time of the server, and a note must not begin a day of its own.
      const next = kept.find(({ line, order }) => line.seq !== undefined && order > damaged.last)
      const at = (next ?? kept.findLast(({ order }) => order < damaged.first))?.line.at ?? this.lastAt
      return { order: damaged.last, place: 0, line: damagedNote(damaged, at), damaged }
    })
    this.entries = [...kept, ...notes].toSorted((one, other) => one.order - other.order || one.place - other.place)
  }

  private insert(order: number, place: number, line: ShownLine) {
    if (line.seq !== undefined) this.numbers.add(line.seq)
    let at = this.entries.length
    for (; at > 0; at--) {
      const before = this.entries[at - 1]
      if (before === undefined || before.order < order || (before.order === order && before.place < place)) break
    }
    this.entries.splice(at, 0, { order, place, line })
  }

  private advance() {
    while (this.numbers.has(this.last + 1)) this.last += 1
  }
}
