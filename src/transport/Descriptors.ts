import * as Fs from "node:fs"

/**
 * File descriptors. When they run out, Linux shows a Node server nothing: libuv accepts the surplus connections and
 * closes them without an event. So the limit is read at the start, and a probe tells when it was reached all the same.
 */
export interface Descriptors {
  /** The soft limit of this process (`ulimit -n`; Node raises it to the hard one), or `Infinity` where unknown. */
  readonly limit: number
  /** How many were open when this was read. */
  readonly open: number
  /** Tries to open one: false when there is none left. About 10 µs. */
  readonly available: () => boolean
}

export const read = (): Descriptors => ({ limit: readLimit(), open: countOpen(), available })

/** Only Linux has these files; elsewhere the limit is unknown and `--max-connections` is what the user says. */
const readLimit = (): number => {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(Fs.readFileSync("/proc/self/limits", "latin1"))
    return line?.[1] === undefined || line[1] === "unlimited" ? Infinity : Number(line[1])
  } catch {
    return Infinity
  }
}

const countOpen = (): number => {
  try {
    return Fs.readdirSync("/proc/self/fd").length
  } catch {
    return 0
  }
}

const available = (): boolean => {
  try {
    Fs.closeSync(Fs.openSync("/dev/null", "r"))
    return true
  } catch {
    return false
  }
}
