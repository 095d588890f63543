import { row, run, type Sql } from "./SqlQuery.js"

/** The only row of `meta`. */
export interface Meta {
  log: string
  /**
   * The number of transactions so far. If it differs from the number that a server remembers, another server has
   * written.
   */
  commits: number
  running: number
  stored: number
  given: number
  expired: number
  lines: number
  /** The total size of all lines. */
  bytes: number
  dead: number
  /** The highest id and the highest line number of ended conversations, or those stated by an import. */
  endedId: number
  endedSeq: number
  /** The highest id of a line, kept or not. */
  lastLine: number
  /** How many lines had been removed when the index of words was cleaned. */
  cleaned: number
  /** See `Touched`; empty in the store of one server. */
  touched: string
}

const metaColumns = `log, commits, running, stored, given, expired, dead, lines, bytes, ended_id as "endedId",
  ended_seq as "endedSeq", last_line as "lastLine", cleaned, touched`

/** Reads the row. */
export function* read(): Sql<Meta> {
  const found = yield* row<Readonly<Meta>>(`select ${metaColumns} from meta`)
  if (found === undefined) throw new Error("the store has lost the only row of its table meta; restore a backup")
  return { ...found }
}

/** Writes everything except the log's id and `touched`, which is written when it changes. */
export function* write(meta: Meta): Sql<void> {
  const { bytes, cleaned, commits, dead, endedId, endedSeq, expired, given, lastLine, lines, running, stored } = meta
  yield* run(
    `update meta set commits = ?, running = ?, stored = ?, given = ?, expired = ?, dead = ?, lines = ?,
       bytes = ?, ended_id = ?, ended_seq = ?, last_line = ?, cleaned = ?`,
    commits,
    running,
    stored,
    given,
    expired,
    dead,
    lines,
    bytes,
    endedId,
    endedSeq,
    lastLine,
    cleaned
  )
}
