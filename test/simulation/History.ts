import type { Drained } from "../../src/chat/Server.js"
import type { LedgerSnapshot } from "../../src/chat/Ledger.js"
import type { OperatorStep, Setting, Step } from "./Step.js"

/** A moment of a run: its turn, and its time in milliseconds. */
export interface Moment {
  readonly turn: number
  readonly at: number
}

/** A read of the server: its place among the reads of all connections, and the server's monotonic clock. */
export interface ReadMoment extends Moment {
  readonly order: number
  readonly clock: number
}

/** One connection as the network saw it: what the server read, what its kernel took, and what the server did. */
export interface Wire {
  readonly number: number
  readonly remote: string
  readonly host: string
  readonly accepted: ReadMoment
  /** Each read of the server: a string of one character per byte. */
  readonly heard: Array<ReadMoment & { readonly bytes: string }>
  /** When the server was notified of the client's orderly end. */
  ended: ReadMoment | undefined
  /** When the server was notified that the connection is gone. */
  gone: Moment | undefined
  /** When the read side broke, noticed or not. */
  reset: Moment | undefined
  /** Whether it is gone because it broke. */
  broke: boolean
  /** When the server noticed that writes fail. */
  writeBroke: Moment | undefined
  /** The bytes that the kernel took. */
  taken: string
  /** When the kernel took bytes, and the total so far. */
  readonly takes: Array<Moment & { readonly end: number }>
  /** Of these, the bytes of which the server can know: after a break, its kernel may not say how far a write got. */
  known: number
  /** The server's first call of `close` and of `destroy`. */
  closed: (Moment & { readonly untaken: number }) | undefined
  destroyed: (Moment & { readonly stalled: number }) | undefined
  /** When the server paused and resumed reading. */
  readonly pauses: Array<{ readonly from: Moment; to: Moment | undefined }>
  /** Whether the client ever left bytes untaken. */
  isSlow: boolean
  /** Periods, in milliseconds, in which the kernel had bytes and took none. */
  readonly stalls: Array<{ readonly from: number; readonly to: number }>
  /**
   * Periods, in milliseconds, in which the client's kernel was silent although it had something to acknowledge. With
   * `isAlive` it had said that its window is zero.
   */
  readonly silences: Array<{ readonly from: number; readonly to: number; readonly isAlive: boolean }>
  /** Calls of the server that violate the port's contract. */
  readonly misuse: Array<string>
}

export interface LogLine extends Moment {
  readonly message: string
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What the operator did, at the moment at which the server did it. */
export interface OperatorAct extends ReadMoment {
  readonly step: OperatorStep
  /** The clients that it disconnected, or the bans that it lifted. */
  readonly count: number
  /** The connections in the middle of a write, with all bytes that the server had written to them so far. */
  readonly writing: ReadonlyMap<Wire, number>
}

/** What was left over in the server when it should have been empty. */
export interface Rest {
  readonly when: string
  readonly fibers: number
  readonly timers: number
  readonly isListening: boolean
  readonly names: ReadonlyArray<string>
  readonly ledger: LedgerSnapshot
  /** Bytes of the memory budget in use. */
  readonly memory: number
  readonly openSockets: number
}

/** Everything observable about a run from outside the server. */
export interface History {
  readonly setting: Setting
  /** The steps taken, with their places in the whole schedule. */
  readonly steps: ReadonlyArray<readonly [number, Step]>
  readonly wires: ReadonlyArray<Wire>
  readonly logs: ReadonlyArray<LogLine>
  /** What the operator did, in order. */
  readonly acts: Array<OperatorAct>
  /** The time of each turn. */
  readonly times: ReadonlyArray<number>
  /** The turns after which the broker had more to do. */
  readonly busyTurns: ReadonlySet<number>
  /** The server's monotonic clock in each turn: the time, and the periods in which the process was stopped. */
  readonly clocks: ReadonlyArray<number>
  /** When the drain was requested, if before the end of the run. */
  drainAsked: Moment | undefined
  drained: (Moment & Drained) | undefined
  /** When a second signal ended the process: nothing is promised after that. */
  killed: Moment | undefined
  readonly rests: Array<Rest>
  /** Numbers of pairs in flight that were in no queue. */
  readonly unaccounted: Array<number>
  /** Differences between the memory that the budget counts and what the server holds, in bytes. */
  readonly memoryUnaccounted: Array<number>
  /** Numbers of bytes read but not routed that are more than the bound for all connections. */
  readonly readAhead: Array<number>
  /** Numbers of pairs in flight although no socket was blocked and the broker was idle. */
  readonly unsettled: Array<number>
  /** Defects that would have ended the process. */
  readonly defects: Array<string>
  ledger: LedgerSnapshot
  end: Moment
}
