import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { Descriptors, type DescriptorProbe } from "../ports/Descriptors.js"

/**
 * The file descriptors of this process. When they run out, Linux reports nothing to a Node server: libuv accepts the
 * surplus connections and closes them without an event. So the limit is read at the start, and a probe detects when it
 * is reached.
 */
export interface ProcessDescriptors extends DescriptorProbe {
  /** The number of open descriptors when this is read. */
  readonly open: number
}

export const read = (): ProcessDescriptors => ({ limit: readLimit(), open: countOpen(), isShort })

export const layer: Layer.Layer<Descriptors> = Layer.sync(Descriptors, read)

/** The soft limit, which Node raises to the hard one. Only Linux has this file; elsewhere the limit is unknown. */
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

/** Tries to open a file, which takes about 10 µs. */
const isShort = (): boolean => {
  try {
    Fs.closeSync(Fs.openSync("/dev/null", "r"))
    return false
  } catch {
    return true
  }
}
