/** What the model needs of the browser. Tests give it a clock and a server of their own. */

/** The clock and the timers. */
export interface Timers {
  /** The browser's time, in milliseconds since 1970. It may be wrong. */
  readonly now: () => number
  /** Calls `run` once, after this time. Returns what cancels that. */
  readonly after: (millis: number, run: () => void) => () => void
  /** A number from 0 to 1, below 1. */
  readonly random: () => number
}

/** Text that outlives the page. */
export interface TextMemory {
  /** The text with this key; undefined if there is none. */
  readonly read: (key: string) => string | undefined
  /** Removes the text if it is undefined. */
  readonly write: (key: string, text: string | undefined) => void
}

/** A WebSocket that carries lines. */
export interface LineSocket {
  /** Sends whole lines, each with its LF. */
  readonly send: (lines: string) => void
  readonly close: () => void
}

export interface LineSocketEvents {
  readonly opened: () => void
  /** Lines without their LF. */
  readonly lines: (lines: ReadonlyArray<string>) => void
  /** The connection has ended, or was never made. Called once, unless the page has closed it. */
  readonly closed: () => void
}

export type OpenLineSocket = (events: LineSocketEvents) => LineSocket

/** The JSON value of a text; undefined if the text is none. What a browser keeps may be from another version. */
export const parseJson = (text: string | undefined): unknown => {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The fields of a JSON object; none if the value is not an object. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}

export const stringIn = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)
