import type { ConversationId } from "../ports/StoreLines.js"
import type { FoundLine, SearchRequest, SearchStep } from "../ports/StoreSearch.js"
import * as Words from "../protocol/Words.js"
import * as Checksum from "./Checksum.js"
import * as SqlIndex from "./SqlIndex.js"
import * as SqlLines from "./SqlLines.js"
import { damage, type LineRow, linesWithText, row, rows, type Sql, text, unlessDamaged } from "./SqlQuery.js"
import type { SqlState } from "./SqlState.js"
import * as WordBlock from "./WordBlock.js"

/** `StoreSearch.search`. */
export function* search(state: SqlState, request: SearchRequest): Sql<SearchStep> {
  return yield* new Step(state, request).run()
}

/** The cost limit of a step, in bytes of text that are searched for words. */
const stepCost = 65_536

/** The costs of reading a row of a line, of the index and of ids, in the bytes of text that take as long. */
const lineCost = 1_024
const blockCost = 256
const conversationsCost = 1_024
const idCost = 32

/** How many rows a query reads, because each query is a round trip in Postgres. */
const chunk = 16

/** The placeholders of `in (…)`. Unused ones are null, which equals nothing. */
const places = Array.from({ length: chunk }, () => "?").join(", ")

/** The most unindexed lines that one query examines. */
const tailLines = 256

/** The most words of a search that are looked up in the index. */
const indexWords = 8

/**
 * With more conversations than this, conversations are not filtered in advance, but checked for each line that matches.
 */
const maxConversations = 2_000

class Step {
  private readonly found: Array<FoundLine> = []
  /** Some lines that may match cannot be read. It is then unknown who may read them. */
  private isDamaged = false
  private cost = 0
  private readonly isMatch: (words: ReadonlyArray<string>) => boolean
  private readonly hashes: ReadonlyArray<number>

  constructor(
    private readonly state: SqlState,
    private readonly request: SearchRequest
  ) {
    this.isMatch = Words.matching(request.phrases)
    // Longer words usually occur in fewer lines.
    const longestFirst = request.phrases.flat().toSorted((one, other) => other.length - one.length)
    this.hashes = [...new Set(longestFirst.map(WordBlock.hashOf))].slice(0, indexWords)
  }

  *run(): Sql<SearchStep> {
    let before = this.request.from ?? (yield* this.lastLine()) + 1
    const isSearched = yield* this.conversations()
    // Without a readable index, all lines are examined.
    const known = yield* unlessDamaged(SqlIndex.end())
    const end = known === damage ? 0 : known
    while (before > 0 && !this.isOver) {
      before = before > end ? yield* this.tail(end, before, isSearched) : yield* this.blocks(before, isSearched)
    }
    const next = before > 0 ? before : undefined
    return { lines: this.found, next, ...(this.isDamaged ? { isDamaged: true } : {}) }
  }

  private *lastLine(): Sql<number> {
    const last = yield* unlessDamaged(row<{ id: number | null }>("select max(id) as id from line"))
    return last === damage ? (yield* this.state.meta()).lastLine : (last?.id ?? 0)
  }

  private get isOver(): boolean {
    return this.cost >= stepCost || this.found.length >= this.request.limit
  }

  /**
   * Whether lines of a conversation must be examined. Only an optimization: `firstFor` enforces who may read a line.
   */
  private *conversations(): Sql<(conversation: number) => boolean> {
    const { reader, within } = this.request
    if (within !== undefined || reader === "guest") {
      const searched = new Set<number>(within)
      return (conversation) => searched.has(conversation)
    }
    const found = yield* rows<{ conversation: number }>(
      "select conversation from member where account = ? order by conversation limit ?",
      reader,
      maxConversations + 1
    )
    if (found.length > maxConversations) return () => true
    const searched = new Set(found.map(({ conversation }) => conversation))
    return (conversation) => searched.has(conversation)
  }

  /** Examines the latest unindexed lines before an id. Returns the id to continue at. */
  private *tail(end: number, before: number, isSearched: (conversation: number) => boolean): Sql<number> {
    const found = yield* unlessDamaged(
      rows<TailRow>(
        "select id, conversation from line where id >= ? and id < ? order by id desc limit ?",
        end,
        before,
        tailLines
      )
    )
    if (found === damage) return yield* this.damagedTail(Math.max(end, before - tailLines), before, isSearched)
    this.cost += found.length * idCost
    const last = found.length < tailLines ? end : (found.at(-1)?.id ?? end)
    return (yield* this.look(searchedIn(found, isSearched))) ?? last
  }

  /** The same, one by one, for lines that cannot be read together. */
  private *damagedTail(end: number, before: number, isSearched: (conversation: number) => boolean): Sql<number> {
    const found: Array<TailRow> = []
    for (let id = before - 1; id >= end; id--) {
      const line = yield* unlessDamaged(row<TailRow>("select id, conversation from line where id = ?", id))
      if (line === damage) this.isDamaged = true
      else if (line !== undefined) found.push(line)
    }
    this.cost += (before - end) * idCost
    return (yield* this.look(searchedIn(found, isSearched))) ?? end
  }

  /** Examines the latest blocks of the index before an id. Returns the id to continue at. */
  private *blocks(before: number, isSearched: (conversation: number) => boolean): Sql<number> {
    const latest = WordBlock.blockOf(before - 1)
    const blocks = Array.from({ length: Math.min(chunk, latest + 1) }, (_, index) => latest - index)
    this.cost += blocks.length * blockCost
    let left = blocks.map((block): Candidates => ({ block, lines: undefined }))
    for (const hash of this.hashes) {
      left = yield* this.narrowed(
        left,
        (block) => WordBlock.wordRow(block, hash),
        (row) => WordBlock.linesWithWord(row, hash)
      )
    }
    this.cost += left.length * conversationsCost
    left = yield* this.narrowed(left, WordBlock.conversationRow, (row) => WordBlock.linesWithin(row, isSearched))
    const ids = left.flatMap(({ block, lines = allLines }) =>
      lines.map((offset) => WordBlock.firstLineOf(block) + offset)
    )
    const latestFirst = ids.filter((id) => id < before).toSorted((one, other) => other - one)
    return (yield* this.look(latestFirst)) ?? WordBlock.firstLineOf(blocks.at(-1) ?? 0)
  }

  /** Narrows blocks down to the lines in a row of each, and drops blocks without such lines. */
  private *narrowed(
    blocks: ReadonlyArray<Candidates>,
    rowOf: (block: number) => number,
    linesOf: (row: Uint8Array | undefined) => ReadonlyArray<number>
  ): Sql<Array<Candidates>> {
    if (blocks.length === 0) return []
    const found = yield* this.indexed(blocks.map(({ block }) => rowOf(block)))
    return blocks.flatMap(({ block, lines }) => {
      const row = found.get(rowOf(block))
      if (row === damage) return [{ block, lines }]
      const others = new Set(linesOf(row))
      const common = lines === undefined ? [...others] : lines.filter((line) => others.has(line))
      return common.length === 0 ? [] : [{ block, lines: common }]
    })
  }

  /** Rows of the index. If one is unreadable, all lines of its block are examined. */
  private *indexed(ids: ReadonlyArray<number>): Sql<ReadonlyMap<number, Uint8Array | typeof damage>> {
    const together = yield* indexRows(ids)
    if (together !== damage) return new Map(together.map(({ id, postings }) => [id, postings]))
    const found = new Map<number, Uint8Array | typeof damage>()
    for (const id of ids) {
      const one = yield* indexRows([id])
      if (one === damage) found.set(id, damage)
      else for (const { postings } of one) found.set(id, postings)
    }
    return found
  }

  /**
   * Examines lines, the latest first. If the step ends before the last one, returns the id before which the next step
   * begins.
   */
  private *look(ids: ReadonlyArray<number>): Sql<number | undefined> {
    for (let at = 0; at < ids.length; at += chunk) {
      for (const line of yield* this.linesWith(ids.slice(at, at + chunk))) {
        if (this.isOver) return line.id + 1
        this.cost += lineCost + line.body.length
        if ((yield* unlessDamaged(this.lookAt(line))) === damage) this.isDamaged = true
      }
    }
    return undefined
  }

  /**
   * The lines with these ids, at most `chunk`, the latest first. If they cannot be read together, they are read one by
   * one.
   */
  private *linesWith(ids: ReadonlyArray<number>): Sql<ReadonlyArray<LineRow>> {
    const together = yield* linesOf(ids)
    if (together !== damage) return together
    const lines: Array<LineRow> = []
    for (const id of ids) {
      const one = yield* linesOf([id])
      if (one !== damage) lines.push(...one)
      else {
        this.isDamaged = true
        this.cost += lineCost
      }
    }
    return lines
  }

  private *lookAt(line: LineRow): Sql<void> {
    const { body, seq } = line
    const { reader, within } = this.request
    const conversation = line.conversation as ConversationId // the column holds ids of conversations
    if (within?.includes(conversation) === false) return
    const head = yield* this.state.head(conversation)
    const first = head && (yield* SqlLines.firstFor(this.state, head, reader))
    if (head === undefined || first === undefined || seq < first) return
    if (!this.isMatch(Words.of(Buffer.from(body).toString("utf8")))) return
    if (Checksum.ofLine(line) !== line.crc) {
      this.isDamaged = true
      return
    }
    const { body: bytes, ...rest } = SqlLines.shown(line)
    const wire = Buffer.from(bytes).toString("latin1")
    this.found.push({ conversation, key: head.key, line: { ...rest, text: wire } })
  }
}

const indexRows = (ids: ReadonlyArray<number>) =>
  unlessDamaged(
    rows<{ id: number; postings: Uint8Array }>(`select id, postings from word where id in (${places})`, ...padded(ids))
  )

const linesOf = (ids: ReadonlyArray<number>) =>
  unlessDamaged(
    rows<LineRow>(
      `select l.id, conversation, seq, at, account, author, flags, recipients, ${text}, crc from ${linesWithText}
       where l.id in (${places}) order by l.id desc`,
      ...padded(ids)
    )
  )

interface TailRow {
  readonly id: number
  readonly conversation: number
}

const searchedIn = (
  found: ReadonlyArray<TailRow>,
  isSearched: (conversation: number) => boolean
): ReadonlyArray<number> => found.flatMap(({ conversation, id }) => (isSearched(conversation) ? [id] : []))

/** The offsets of all lines of a block. */
const allLines = Array.from({ length: WordBlock.blockLines }, (_, index) => index)

const padded = (ids: ReadonlyArray<number>): ReadonlyArray<number | null> =>
  Array.from({ length: chunk }, (_, index) => ids[index] ?? null)

/** The offsets of a block's lines that may match; undefined for all lines. */
interface Candidates {
  readonly block: number
  readonly lines: ReadonlyArray<number> | undefined
}
