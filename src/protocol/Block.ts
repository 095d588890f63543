import * as PlainRoutines from "./PlainRoutines.js"
import * as WasmRoutines from "./WasmRoutines.js"

/** A block is one or more whole lines, usually all that one read brought, as bytes. Its last byte is an LF. */

/**
 * Operations on all lines of a block together. Every byte that a client sends goes through `hasControl`,
 * `replacePrefix`, or both.
 */
export interface BlockRoutines {
  /** How many LFs a text contains. */
  readonly countLineFeeds: (text: Uint8Array) => number
  /**
   * Whether a block that is otherwise UTF-8 contains a control character that a line must not contain: C0 but TAB, LF
   * and the CR of a CRLF; DEL; C1.
   */
  readonly hasControl: (block: Uint8Array) => boolean
  /**
   * Puts `replacement` in the place of `prefix` at the start of every line; both are in their wire form (`Wire`).
   *
   * Undefined if a line starts differently, contains a control character, or may have white space after its prefix or
   * at its end, which would have to be trimmed; or if the block is too large for this. Does not check that it is UTF-8.
   */
  readonly replacePrefix: (block: Uint8Array, prefix: string, replacement: string) => Replaced | undefined
  /**
   * Takes the masked text messages of WebSocket at `from` that each have one frame, up to the first other frame and the
   * first that is not complete. Their lines are put at `to`, which is not after it, with an LF at the end of each
   * message that had none. Undefined if that is not worth it. Does not check that they are UTF-8.
   */
  readonly unframe: (bytes: Uint8Array, from: number, to: number) => Unframed | undefined
}

/** How many bytes `unframe` has taken, and put. */
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

/** The routines of this process, and if they are not those in WebAssembly, the reason. */
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

/** The first bytes of a block in wire form, as a string of their own. */
export const head = (block: Uint8Array, length: number): string => String.fromCharCode(...block.subarray(0, length))
