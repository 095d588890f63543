// The built program with a fault in what it writes: `SOAK_FAULT=drop node test/support/faulty-program.mjs serve …`
import { Socket } from "node:net"

let count = 0
const isNext = (period) => ++count % period === 0

/** Changes one message in a thousand. */
const each = (change) => (text) =>
  text
    .split(/(?<=\n)/)
    .map((line) => (line.startsWith("from ") && isNext(1_000) ? change(line) : line))
    .join("")

/** A message of the measurement of a restart. */
const numbered = /^from \S+ \d+\n/gm

const two = /^(from \S+ .*\n)(from \S+ .*\n)/m

const faults = {
  none: (text) => text,
  drop: each(() => ""),
  twice: each((line) => line + line),
  // One in fifty, so that each server of a restart loses some, however busy the machine is; and never the message with
  // which a client detects the server's version.
  lose: (text) => text.replaceAll(numbered, (line) => (isNext(50) ? "" : line)),
  double: (text) => text.replaceAll(numbered, "$&$&"),
  mute: (text) => text.replaceAll(/^from .*\n/gm, ""),
  change: each((line) => line.replace(/.\n$/, "!\n")),
  swap: (text) => (two.test(text) && isNext(50) ? text.replace(two, "$2$1") : text),
  leak: (text) => {
    if (isNext(50)) setInterval(() => {}, 60_000)
    return text
  },
  uneven: (text) => text.replace("\nachat_pairs_unaccounted 0\n", "\nachat_pairs_unaccounted 3\n")
}

const fault = faults[process.env.SOAK_FAULT]
const { write } = Socket.prototype
Socket.prototype.write = function (data, ...rest) {
  // The admin page writes bytes.
  return write.call(
    this,
    typeof data === "string" ? fault(data) : Buffer.from(fault(Buffer.from(data).toString())),
    ...rest
  )
}

await import("../../dist/main.js")
