import * as PlainRoutines from "./PlainRoutines.js"
import * as WasmRoutines from "./WasmRoutines.js"

/** A block is the bytes of one or more whole lines, usually all of one read. Its last byte is an LF. */

/**
 * Operations on all lines of a block together. Every byte that a client sends goes through `hasControl`,
 * `replacePrefix`, or both.
 */
export interface BlockRoutines {
  /** Counts the LFs of a text. */
  readonly countLineFeeds: (text: Uint8Array) => number
  /**
   * Whether a block that is otherwise UTF-8 contains a control character that a line must not contain: C0 but TAB, LF
   * and the CR of a CRLF; DEL; C1.
   */
  readonly hasControl: (block: Uint8Array) => boolean
  /**
   * Replaces `prefix` with `replacement` at the start of every line; both are in wire form (`Wire`).
   *
   * Undefined if the block is too large, or if a line starts differently, contains a control character, or may have
   * white space to trim after its prefix or at its end. Does not check that it is UTF-8.
   */
  readonly replacePrefix: (block: Uint8Array, prefix: string, replacement: string) => Replaced | undefined
  /**
   * Takes the masked text messages of WebSocket at `from` that each have one frame, up to the first other frame and the
   * first that is not complete. Their lines are written to `to`, which is at most `from`, with an LF at the end of each
   * message that had none. Undefined if that is not worth the effort. Does not check that they are UTF-8.
   */
  readonly unframe: (bytes: Uint8Array, from: number, to: number) => Unframed | undefined
}

/** The number of bytes that `unframe` has read and written. */
export interface Unframed {
  readonly frameBytes: number
  readonly lineBytes: number
}

/** A block after `replacePrefix`. */
export interface Replaced {
  /** In its wire form (`Wire`). */
  readonly text: string
  readonly lines: number
}

/** The routines of this process, and the reason if they are not those in WebAssembly. */
interface Loaded {
  readonly routines: BlockRoutines
  readonly error: unknown
}

let loaded: Loaded | undefined = undefined

const load = (): Loaded => {
  try {
    return { routines: WasmRoutines.instantiate(), error: undefined }
  } catch (error) {
    return { routines: PlainRoutines, error }
  }
}

/** Once for the process: V8 reserves 10 GiB of addresses for each WebAssembly memory. */
const loadOnce = (): Loaded => (loaded ??= load())

/**
 * Loads the routines. Returns the error if WebAssembly cannot run here (`node --jitless`, or `ulimit -v` below what V8
 * reserves for a memory) and JavaScript takes its place. A server calls this before it listens; otherwise the first
 * block loads them.
 */
export const prepare = (): unknown => loadOnce().error

export const countLineFeeds: BlockRoutines["countLineFeeds"] = (text) => loadOnce().routines.countLineFeeds(text)

export const hasControl: BlockRoutines["hasControl"] = (block) => loadOnce().routines.hasControl(block)

export const replacePrefix: BlockRoutines["replacePrefix"] = (block, prefix, replacement) =>
  loadOnce().routines.replacePrefix(block, prefix, replacement)

export const unframe: BlockRoutines["unframe"] = (bytes, from, to) => loadOnce().routines.unframe(bytes, from, to)

/** Whether a block contains a prefix, in its wire form, at a position. */
export const startsWith = (block: Uint8Array, prefix: string, at: number): boolean => {
  for (let i = 0; i < prefix.length; i++) if (block[at + i] !== prefix.charCodeAt(i)) return false
  return true
}

/** The first bytes of a block in wire form, as a separate string. */
export const head = (block: Uint8Array, length: number): string => String.fromCharCode(...block.subarray(0, length))
