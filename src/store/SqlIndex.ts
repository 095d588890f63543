import type { StoreFault } from "../ports/StoreUpkeep.js"
import * as Words from "../protocol/Words.js"
import { countWithin } from "./PageSize.js"
import { linesWithText, row, rows, run, type Sql, text } from "./SqlQuery.js"
import type { SqlState } from "./SqlState.js"
import * as WordBlock from "./WordBlock.js"

/**
 * Builds and cleans the index of words (`WordBlock`) in small steps. A block is read line by line, and written once all
 * of its lines are stored. Lines after the last block are searched one by one.
 */

/** A block that is being read, with the id of the next line. */
export interface IndexedBlock {
  readonly block: WordBlock.WordBlock
  next: number
}

/** A pass over all blocks of the index that removes the words of deleted lines. */
export interface IndexWalk {
  /** The next block. */
  block: number
  /** How many lines had been removed when it began. */
  readonly removed: number
}

/** The most lines and bytes of text that one step reads. */
const stepLines = 256
const stepBytes = 32_768

/** A pass begins once this many lines, and this fraction of the kept ones, have been removed since the last pass. */
const removedLines = 8 * WordBlock.blockLines
const removedShare = 1 / 8

/** `write`: `write` must be called before the next step. */
export type IndexStep = "more" | "write" | "done"

/** The id of the first line that is not indexed. No later line is indexed either. */
export function* end(): Sql<number> {
  const last = (yield* row<{ id: number | null }>("select max(id) as id from word"))?.id ?? null
  return last === null ? 0 : WordBlock.firstLineOf(WordBlock.blockOfRow(last) + 1)
}

/** Reads some lines, or looks for work. */
export function* read(state: SqlState): Sql<IndexStep> {
  if (state.sharing?.keepsOrder === false) return "done"
  state.indexed ??= yield* nextBlock(state)
  const { indexed } = state
  return indexed === undefined ? yield* clean(state) : yield* readLines(indexed)
}

/** Writes the rows that `read` has prepared, in a transaction. If that fails, they are prepared again. */
export function* write(state: SqlState): Sql<void> {
  state.touching() // nothing is derived from the index
  const { indexed, walk } = state
  state.indexed = undefined
  if (indexed !== undefined) {
    const { block } = indexed
    const [first, next] = [WordBlock.firstRowOf(block.block), WordBlock.firstRowOf(block.block + 1)]
    yield* run("delete from word where id >= ? and id < ?", first, next)
    for (const { id, postings } of block.rows()) yield* run("insert into word values (?, ?)", id, postings)
  } else if (walk !== undefined) {
    state.walk = undefined
    ;(yield* state.meta()).cleaned = walk.removed
  }
}

/** Faults of the index, by reading all of it. Searches would not find lines that it lacks. */
export function* check(): Sql<ReadonlyArray<StoreFault>> {
  const faults: Array<StoreFault> = []
  const after = yield* end()
  for (let next = 0; ;) {
    const first = yield* row<{ id: number }>(
      "select id from line where id >= ? and id < ? order by id limit 1",
      next,
      after
    )
    if (first === undefined) return faults
    const indexed = newBlock(WordBlock.blockOf(first.id))
    while ((yield* readLines(indexed)) === "more");
    const { block } = indexed
    const found = yield* rows<{ id: number; postings: Uint8Array }>(
      "select id, postings from word where id >= ? and id < ?",
      WordBlock.firstRowOf(block.block),
      WordBlock.firstRowOf(block.block + 1)
    )
    next = WordBlock.firstLineOf(block.block + 1)
    if (WordBlock.leadTo(block, new Map(found.map(({ id, postings }) => [id, postings])))) continue
    faults.push(`the index of words lacks some of the lines before line ${next} of the table`)
  }
}

/** The next block that is complete, because all of its lines have been stored. */
function* nextBlock(state: SqlState): Sql<IndexedBlock | undefined> {
  const first = yield* row<{ id: number }>("select id from line where id >= ? order by id limit 1", yield* end())
  if (first === undefined) return undefined
  const block = WordBlock.blockOf(first.id)
  const { lastLine } = yield* state.meta()
  return lastLine + 1 < WordBlock.firstLineOf(block + 1) ? undefined : newBlock(block)
}

const newBlock = (block: number): IndexedBlock => ({
  block: new WordBlock.WordBlock(block),
  next: WordBlock.firstLineOf(block)
})

function* readLines(indexed: IndexedBlock): Sql<IndexStep> {
  const { block } = indexed
  const found = yield* rows<{ id: number; size: number }>(
    "select id, size from line where id >= ? and id < ? order by id limit ?",
    indexed.next,
    WordBlock.firstLineOf(block.block + 1),
    stepLines
  )
  const count = countWithin(found, ({ size }) => size, stepBytes)
  const last = found[count - 1]
  if (last === undefined) return "write"
  for (const { body, conversation, id } of yield* rows<{ id: number; conversation: number; body: Uint8Array }>(
    `select l.id, conversation, ${text} from ${linesWithText} where l.id >= ? and l.id <= ? order by l.id`,
    indexed.next,
    last.id
  )) {
    block.add(id, conversation, Words.of(Buffer.from(body).toString("utf8")))
  }
  indexed.next = last.id + 1
  return count === found.length && count < stepLines ? "write" : "more"
}

/** Checks the next block of a pass. A block that has lost at least half of its lines is indexed again. */
function* clean(state: SqlState): Sql<IndexStep> {
  const { cleaned, lastLine, lines } = yield* state.meta()
  // Ids are never reused, so this is the number of removed lines.
  const removed = lastLine - lines
  if (state.walk === undefined && removed - cleaned < Math.max(removedLines, lines * removedShare)) return "done"
  const walk = (state.walk ??= { block: 0, removed })
  const next = yield* row<{ id: number }>(
    "select id from word where id >= ? order by id limit 1",
    WordBlock.firstRowOf(walk.block)
  )
  if (next === undefined) return "write"
  const block = WordBlock.blockOfRow(next.id)
  walk.block = block + 1
  const known = yield* row<{ postings: Uint8Array }>(
    "select postings from word where id = ?",
    WordBlock.conversationRow(block)
  )
  const kept = yield* row<{ n: number }>(
    "select count(*) as n from line where id >= ? and id < ?",
    WordBlock.firstLineOf(block),
    WordBlock.firstLineOf(block + 1)
  )
  if (Number(kept?.n) * 2 <= WordBlock.countIn(known?.postings)) state.indexed = newBlock(block)
  return "more"
}
