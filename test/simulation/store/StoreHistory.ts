import type { LedgerSnapshot } from "../../../src/chat/Ledger.js"
import type { Moment } from "../History.js"
import type { SimulatedSocket } from "../SimulatedSocket.js"
import type { StoreClient } from "./Clients.js"
import type { Content, SimulatedStore } from "./SimulatedStore.js"
import type { StoreSchedule } from "./StoreSchedule.js"

/** A line that a client has sent. */
export interface SaidLine {
  readonly label: string | undefined
  readonly text: string
  readonly to: ReadonlyArray<string>
  /** It was sent before, with the same label. */
  readonly isAgain: boolean
  readonly at: number
}

/** The label with which everybody asks at the end which rooms it is in. */
export const lastRooms = "c999999"

/** A command that a client has sent, whose reply has its label. */
export interface AskedCommand {
  readonly line: string
  readonly turn: number
}

/** One connection of a client. */
export interface Sitting {
  readonly who: number
  readonly client: StoreClient
  readonly words: ReadonlyArray<string>
  /** Whether it logged in as a device of an account. */
  readonly isAccount: boolean
  readonly cut: number
  readonly opaque: boolean
  readonly socket: SimulatedSocket
  /** The process that it was connected to, from 1 on. */
  readonly life: number
  readonly said: Array<SaidLine>
  /** By label. */
  readonly asked: Map<string, AskedCommand>
  /** How many messages it has acknowledged. */
  acknowledged: number
}

/** The end of a process. */
export interface End extends Moment {
  readonly life: number
  readonly isOrderly: boolean
  readonly content: Content
}

/** Everything observable about a run. */
export interface StoreHistory {
  readonly schedule: StoreSchedule
  readonly kept: ReadonlyArray<number>
  readonly store: SimulatedStore
  readonly sittings: Array<Sitting>
  readonly ends: Array<End>
  /** What was left over, when a process had ended in order. */
  readonly leftOver: Array<string>
  readonly defects: Array<string>
  /** Some request to the store was made to fail. */
  hadTrouble: boolean
  /** Requests took time, or waited. */
  wasSlow: boolean
  /** When every device had come, and taken everything. */
  atRest: (Moment & { readonly content: Content }) | undefined
  ledgers: Array<LedgerSnapshot>
}
