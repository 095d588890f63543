import type { Drained } from "../../src/chat/Server.js"
import type { Snapshot } from "../../src/chat/Ledger.js"
import type { Setting, Step } from "./Step.js"

/** A moment of a run: its turn, and its time in milliseconds. */
export interface Moment {
  readonly turn: number
  readonly at: number
}

/** One connection as the network saw it: what the server read, what its kernel took, and what the server did. */
export interface Wire {
  readonly number: number
  readonly remote: string
  readonly host: string
  readonly accepted: Moment
  /** Each read of the server's: bytes in a string of one character per byte. */
  readonly heard: Array<Moment & { readonly bytes: string }>
  /** The server was told of the client's end, in order. */
  ended: Moment | undefined
  /** The server was told that the connection is gone. */
  gone: Moment | undefined
  /** When the read side broke, whether or not somebody looked. */
  reset: Moment | undefined
  /** It was told so because the connection broke. */
  broke: boolean
  /** The server found that its kernel takes nothing more. */
  writeBroke: Moment | undefined
  /** What the kernel took. */
  taken: string
  /** When it did, and how much that was in all by then. */
  readonly takes: Array<Moment & { readonly end: number }>
  /** Bytes that the server handed over and the kernel has not taken. */
  untaken: number
  /** The server's calls: the first of each. */
  closed: (Moment & { readonly untaken: number }) | undefined
  destroyed: (Moment & { readonly stalled: number }) | undefined
  /** When the server stopped to read, and when it went on. */
  readonly pauses: Array<{ readonly from: Moment; to: Moment | undefined }>
  /** The client did not always take what there was. */
  isSlow: boolean
  /** From when to when, in milliseconds, the kernel took nothing though it had been given something. */
  readonly stalls: Array<{ readonly from: number; readonly to: number }>
  /** What the server did that the port forbids. */
  readonly misuse: Array<string>
}

export interface LogLine extends Moment {
  readonly message: string
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What was left in the server when it should have been empty. */
export interface Rest {
  readonly when: string
  readonly fibers: number
  readonly timers: number
  readonly isListening: boolean
  readonly names: ReadonlyArray<string>
  readonly ledger: Snapshot
  /** Bytes of the memory budget in use. */
  readonly memory: number
  readonly openSockets: number
}

/** Everything that can be known about a run from outside of the server. */
export interface History {
  readonly setting: Setting
  /** The steps that were taken, with their places in the whole schedule. */
  readonly steps: ReadonlyArray<readonly [number, Step]>
  readonly wires: ReadonlyArray<Wire>
  readonly logs: ReadonlyArray<LogLine>
  /** When each turn was. */
  readonly times: ReadonlyArray<number>
  /** When the server was told to drain, if it was before the end of the run. */
  drainAsked: Moment | undefined
  drained: (Moment & Drained) | undefined
  /** The process was ended by a second signal: nothing behind that is promised. */
  killed: Moment | undefined
  readonly rests: Array<Rest>
  /** How many pairs no queue had, where there were any. */
  readonly unaccounted: Array<number>
  /** What the process would have died of. */
  readonly defects: Array<string>
  ledger: Snapshot
  end: Moment
}
