import * as Block from "../protocol/Block.js"
import { headerBytes } from "./Nodes.js"

/** Whole lines for one recipient at the receiving node, as they were routed: each with its head, in the form `all`. */
export interface RoutedLines {
  /** The recipient, in wire form. */
  readonly name: string
  readonly lines: number
  /** Empty if the line is longer than the engine carries: it returns. */
  readonly text: string
  /** A client waits for the outcomes: its lines have labels. Default: false. */
  readonly isAwaited?: true
}

/** What became of lines: how many they are, and their fate or the reason for which they return. */
export type Fates = ReadonlyArray<readonly [lines: number, word: string]>

/** The fates of the first lines to a recipient that have not been reported yet. */
export interface FateReport {
  readonly name: string
  readonly fates: Fates
}

/** What one node sends another at the end of a turn. */
export interface Content {
  /** The sender could not read a content, so that it reports no fates of some lines that it was sent. */
  readonly hasLost?: boolean
  readonly reports: ReadonlyArray<FateReport>
  readonly pieces: ReadonlyArray<RoutedLines>
}

/** What was read of a content. A node that runs another version may have sent what this one cannot read. */
export interface ReadContent extends Content {
  /** The names in reports that could not be read, so that the fates of these lines are unknown; all: any name. */
  readonly unread: ReadonlyArray<string> | "all"
  /**
   * Nobody knows which lines, or how many, were in what could not be read: their sender has to be notified (`hasLost`).
   */
  readonly mayHaveLines: boolean
  readonly isWhole: boolean
}

/**
 * About the most bytes of lines in one content; a line that is longer has a content for itself. With four times as
 * much, the other node begins that much later, and the CPU's caches hold less of it (benchmark: nodes-1000, a sixth).
 */
export const maxTextBytes = 65_536

const lengthBytes = 4

const awaited = " @"

/**
 * Writes a content behind the bytes that `Nodes.send` fills in: the length of its head, the head, and the text of all
 * pieces. The head has one line for each report (`<bob 3 written 1 disconnected`) and for each piece (`>bob 3 57`:
 * lines and bytes; ` @` follows if the outcomes are awaited), and first `?` for `hasLost`. No name has a space.
 *
 * @param frame allocates memory of this size
 */
export const encode = (
  { hasLost = false, pieces, reports }: Content,
  frame: (bytes: number) => Uint8Array = Buffer.allocUnsafe
): Uint8Array => {
  let head = hasLost ? "?\n" : ""
  let textBytes = 0
  for (const { fates, name } of reports) head += `<${name} ${fates.map((fate) => fate.join(" ")).join(" ")}\n`
  for (const piece of pieces) {
    head += `>${piece.name} ${piece.lines} ${piece.text.length}${piece.isAwaited === true ? awaited : ""}\n`
    textBytes += piece.text.length
  }
  let at = headerBytes + lengthBytes + head.length
  const { buffer, byteLength, byteOffset } = frame(at + textBytes)
  const content = Buffer.from(buffer, byteOffset, byteLength)
  content.writeUInt32LE(head.length, headerBytes)
  content.write(head, headerBytes + lengthBytes, "latin1")
  // Piece by piece: together, V8 would first copy them into one string.
  for (const { text } of pieces) at += content.write(text, at, "latin1")
  return content
}

/**
 * Reads a content, without the bytes that `Nodes.send` fills in. Never fails. A piece that cannot be read has no text,
 * so that its lines return, and where possible the number of lines that its sender counts.
 */
export const decode = (content: Uint8Array): ReadContent => {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const textAt = bytes.length < lengthBytes ? Infinity : lengthBytes + bytes.readUInt32LE(0)
  if (textAt > bytes.length) return { reports: [], pieces: [], unread: "all", mayHaveLines: true, isWhole: false }
  const reports: Array<FateReport> = []
  const pieces: Array<RoutedLines> = []
  const unread: Array<string> = []
  let hasLost = false
  let isWhole = true
  let mayHaveLines = false
  let at = textAt
  for (const line of bytes.toString("latin1", lengthBytes, textAt).split("\n")) {
    if (line === "") continue
    const [name = "", ...words] = line.slice(1).split(" ")
    if (line.startsWith("<")) {
      const fates = fatesOf(words)
      if (fates === undefined) unread.push(name)
      else reports.push({ name, fates })
    } else if (line.startsWith(">")) {
      const [lines, length] = [Number(words[0]), Number(words[1])]
      const end = Number.isSafeInteger(length) && length >= 0 ? at + length : Infinity
      const part = bytes.subarray(at, end)
      const isReadable = length === 0 ? lines === 1 : part.length === length && isLines(part, lines)
      const isCounted = isCount(lines) && lines <= bytes.length
      const piece = isReadable
        ? { name, lines, text: part.toString("latin1") }
        : { name, lines: isCounted ? lines : 1, text: "" }
      pieces.push(line.endsWith(awaited) ? { ...piece, isAwaited: true } : piece)
      isWhole &&= isReadable
      mayHaveLines ||= !isCounted
      at = end // beyond the content: where the texts of the other pieces are is unknown
    } else if (line === "?") hasLost = true
    else {
      isWhole = false
      mayHaveLines = true
    }
  }
  isWhole &&= unread.length === 0 && at === bytes.length
  return { hasLost, reports, pieces, unread: hasLost ? "all" : unread, mayHaveLines, isWhole }
}

const isCount = (lines: number) => Number.isSafeInteger(lines) && lines > 0

/** One search for each line would take a tenth of the receiving node's CPU (benchmark: nodes-1000). */
const isLines = (text: Uint8Array, lines: number) => text.at(-1) === LF && Block.countLineFeeds(text) === lines

const LF = 0x0a

/** Undefined if one of them is not a number of lines and a word. */
const fatesOf = (words: ReadonlyArray<string>): Fates | undefined => {
  const fates: Array<readonly [number, string]> = []
  for (let at = 0; at < words.length; at += 2) {
    const [lines, word] = [Number(words[at]), words[at + 1]]
    if (word === undefined || !isCount(lines)) return undefined
    fates.push([lines, word])
  }
  return fates
}

/** The end of the first whole lines from `start` that fit into a number of bytes; at least of one line. */
export const endOfLines = (text: string, start: number, bytes: number): number => {
  if (text.length - start <= bytes) return text.length
  const last = text.lastIndexOf("\n", start + bytes - 1)
  return (last >= start ? last : text.indexOf("\n", start)) + 1
}

export const countLines = (text: string, start: number, end: number): number => {
  let lines = 0
  for (let at = start; at < end; at = text.indexOf("\n", at) + 1) lines += 1
  return lines
}
