import type { AccountId } from "../ports/StoreAccounts.js"
import type {
  Appended,
  ConversationId,
  ConversationKey,
  Cursor,
  NewLine,
  StoredPage,
  StoredLine
} from "../ports/StoreLines.js"
import * as Wire from "../protocol/Wire.js"
import type { NewLineBytes } from "./SqlAppend.js"
import type { PageBytes } from "./SqlLines.js"

/**
 * Lines on their way between threads: numbers in one array and strings in one buffer, which are transferred. Structured
 * clones of objects kept the main thread busy for twice the time at 50,000 lines a second.
 */
export interface PackedLines {
  readonly numbers: Float64Array
  readonly bytes: Uint8Array
}

/** The transfer list for `postMessage`. One buffer, because `allocate` allocates the numbers and strings together. */
export const transferred = ({ numbers }: PackedLines): ReadonlyArray<ArrayBuffer> => [numbers.buffer as ArrayBuffer]

const allocate = (numbers: number, bytes: number) => {
  // Not from Node's pool, because the memory is transferred.
  const { buffer } = Buffer.allocUnsafeSlow(8 * numbers + bytes)
  return { numbers: new Float64Array(buffer, 0, numbers).fill(0), writer: new Writer(Buffer.from(buffer, 8 * numbers)) }
}

/** Writes strings in wire form back to back. */
class Writer {
  private at = 0

  constructor(readonly buffer: Buffer) {}

  write(wire: string): number {
    if (wire === "") return 0
    this.at += this.buffer.write(wire, this.at, "latin1")
    return wire.length
  }

  copy(bytes: Uint8Array): number {
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
    return bytes.length
  }
}

/** Reads what `Writer` has written. */
class Reader {
  readonly buffer: Buffer
  private at = 0

  constructor({ buffer, byteLength, byteOffset }: Uint8Array) {
    this.buffer = Buffer.from(buffer, byteOffset, byteLength)
  }

  read(length: number): string {
    this.at += length
    return this.buffer.toString("latin1", this.at - length, this.at)
  }

  bytes(length: number): Uint8Array {
    this.at += length
    return this.buffer.subarray(this.at - length, this.at)
  }
}

const newWidth = 11

/** Kinds of conversations. */
const withGuest = 0
const betweenAccounts = 1
const ofRoom = 2

/**
 * Instead of a kind or an author's length: the same as in the previous line. Adjacent lines often share their sender,
 * and writing a string takes as long as writing all numbers of a line.
 */
const same = -1

const auto = 1
const live = 2
const labelled = 4
const own = 8

/** A request to append lines and to save cursors. */
export interface PackedAppend extends PackedLines {
  readonly lineCount: number
}

const cursorWidth = 4

export const packAppend = (lines: ReadonlyArray<NewLine>, cursors: ReadonlyArray<Cursor>): PackedAppend => {
  let size = 0
  for (const { device } of cursors) size += device.length
  let before: NewLine | undefined
  for (const line of lines) {
    const { author, conversation: key, once, text, to } = line
    size += text.length + to.length
    if (author !== before?.author) size += author.length
    if (key !== before?.conversation && key.kind === "guest") size += Wire.encode(key.likeness).length
    if (once !== undefined) size += once.device.length + once.label.length
    before = line
  }
  const { numbers, writer } = allocate(newWidth * lines.length + cursorWidth * cursors.length, size)
  let at = 0
  before = undefined
  for (const line of lines) {
    const { account, author, conversation: key, isAuto, isLive, once, text, to } = line
    if (key === before?.conversation) numbers[at] = same
    else {
      numbers[at] = key.kind === "guest" ? withGuest : key.kind === "room" ? ofRoom : betweenAccounts
      numbers[at + 1] = key.kind === "guest" ? key.account : key.kind === "room" ? key.room : key.accounts[0]
      numbers[at + 2] = key.kind === "accounts" ? key.accounts[1] : 0
      numbers[at + 5] = key.kind === "guest" ? writer.write(Wire.encode(key.likeness)) : 0
    }
    numbers[at + 3] = account ?? 0
    numbers[at + 4] = (isAuto ? auto : 0) | (isLive ? live : 0) | (once === undefined ? 0 : labelled)
    numbers[at + 6] = author === before?.author ? same : writer.write(author)
    numbers[at + 7] = writer.write(text)
    numbers[at + 8] = writer.write(to)
    if (once !== undefined) {
      numbers[at + 9] = writer.write(once.device)
      numbers[at + 10] = writer.write(once.label)
    }
    before = line
    at += newWidth
  }
  for (const { account, conversation, device, seq } of cursors) {
    numbers[at] = account
    numbers[at + 1] = conversation
    numbers[at + 2] = seq
    numbers[at + 3] = writer.write(device)
    at += cursorWidth
  }
  return { numbers, bytes: writer.buffer, lineCount: lines.length }
}

export const unpackAppend = ({
  bytes,
  lineCount,
  numbers
}: PackedAppend): { readonly lines: ReadonlyArray<NewLineBytes>; readonly cursors: ReadonlyArray<Cursor> } => {
  const reader = new Reader(bytes)
  const number = (index: number) => numbers[index] as number // `packAppend` has written it
  const lines: Array<NewLineBytes> = []
  let before: NewLineBytes | undefined
  let at = 0
  for (; at < newWidth * lineCount; at += newWidth) {
    const isSameKey = number(at) === same
    const likeness = isSameKey ? "" : Wire.decode(reader.read(number(at + 5)))
    const flags = number(at + 4)
    // `same` never occurs in the first line
    const line: NewLineBytes = {
      conversation: isSameKey
        ? (before as NewLineBytes).conversation
        : keyOf(number(at), number(at + 1), number(at + 2), likeness),
      account: number(at + 3) === 0 ? undefined : (number(at + 3) as AccountId),
      author: number(at + 6) === same ? (before as NewLineBytes).author : reader.read(number(at + 6)),
      body: reader.bytes(number(at + 7)),
      to: reader.read(number(at + 8)),
      once:
        (flags & labelled) === 0
          ? undefined
          : { device: reader.read(number(at + 9)), label: reader.read(number(at + 10)) },
      isAuto: (flags & auto) !== 0,
      isLive: (flags & live) !== 0
    }
    lines.push(line)
    before = line
  }
  const cursors: Array<Cursor> = []
  for (; at < numbers.length; at += cursorWidth) {
    cursors.push({
      account: number(at) as AccountId,
      conversation: number(at + 1) as ConversationId,
      seq: number(at + 2),
      device: reader.read(number(at + 3))
    })
  }
  return { lines, cursors }
}

const keyOf = (kind: number, one: number, other: number, likeness: string): ConversationKey => {
  switch (kind) {
    case withGuest:
      return { kind: "guest", account: one as AccountId, likeness }
    case ofRoom:
      return { kind: "room", room: one as ConversationId }
    default:
      return { kind: "accounts", accounts: [one as AccountId, other as AccountId] }
  }
}

const appendedTags = ["Stored", "LabelUsed", "Full", "Removed"] as const

const appendedWidth = 5

export const packAppended = (results: ReadonlyArray<Appended>): Float64Array => {
  const numbers = new Float64Array(appendedWidth * results.length)
  let at = 0
  for (const result of results) {
    numbers[at] = appendedTags.indexOf(result._tag)
    if (result._tag === "Stored") {
      numbers[at + 1] = result.conversation
      numbers[at + 2] = result.seq
      numbers[at + 3] = result.at
      numbers[at + 4] = result.again ? 1 + (result.given ?? 0) : 0
    }
    at += appendedWidth
  }
  return numbers
}

export const unpackAppended = (numbers: Float64Array): ReadonlyArray<Appended> => {
  const results: Array<Appended> = []
  for (let at = 0; at < numbers.length; at += appendedWidth) {
    const tag = appendedTags[numbers[at] as number] ?? "Removed" // `packAppended` writes no other number
    if (tag !== "Stored") {
      results.push({ _tag: tag })
      continue
    }
    const given = (numbers[at + 4] as number) - 1
    results.push({
      _tag: tag,
      conversation: numbers[at + 1] as ConversationId,
      seq: numbers[at + 2] as number,
      at: numbers[at + 3] as number,
      again: given >= 0,
      given: given >= 0 ? given : undefined
    })
  }
  return results
}

export interface PackedPage extends PackedLines {
  readonly first: number
  readonly last: number
  readonly hasMore: boolean
  readonly damaged: StoredPage["damaged"]
}

const storedWidth = 7

export const packPage = ({ damaged, first, hasMore, last, lines }: PageBytes): PackedPage => {
  const size = lines.reduce((sum, { author, body, to }) => sum + author.length + body.length + to.length, 0)
  const { numbers, writer } = allocate(storedWidth * lines.length, size)
  let at = 0
  for (const { account, at: time, author, body, isAuto, isOwn, seq, to } of lines) {
    numbers[at] = seq
    numbers[at + 1] = time
    numbers[at + 2] = account ?? 0
    numbers[at + 3] = (isAuto ? auto : 0) | (isOwn === true ? own : 0)
    numbers[at + 4] = writer.write(author)
    numbers[at + 5] = writer.copy(body)
    numbers[at + 6] = writer.write(to)
    at += storedWidth
  }
  return { numbers, bytes: writer.buffer, first, hasMore, last, damaged }
}

export const unpackPage = ({ bytes, damaged, first, hasMore, last, numbers }: PackedPage): StoredPage => {
  const reader = new Reader(bytes)
  const number = (index: number) => numbers[index] as number // `packPage` has written it
  const lines: Array<StoredLine> = []
  for (let at = 0; at < numbers.length; at += storedWidth) {
    const flags = number(at + 3)
    lines.push({
      seq: number(at),
      at: number(at + 1),
      account: number(at + 2) === 0 ? undefined : (number(at + 2) as AccountId),
      isAuto: (flags & auto) !== 0,
      ...((flags & own) === 0 ? {} : { isOwn: true }),
      author: reader.read(number(at + 4)),
      text: reader.read(number(at + 5)),
      to: reader.read(number(at + 6))
    })
  }
  return { lines, first, last, hasMore, ...(damaged === undefined ? {} : { damaged }) }
}
