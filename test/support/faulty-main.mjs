// The built program with a fault in what it writes: `SOAK_FAULT=drop node test/support/faulty-main.mjs serve …`
import { Socket } from "node:net"

/** How often: once in so many messages. */
const period = 1_000

let messages = 0
const isNext = () => ++messages % period === 0

/** Changes one message in so many, and leaves all other lines. */
const each = (change) => (text) =>
  text
    .split(/(?<=\n)/)
    .map((line) => (line.startsWith("from ") && isNext() ? change(line) : line))
    .join("")

const faults = {
  none: (text) => text,
  drop: each(() => ""),
  twice: each((line) => line + line),
  change: each((line) => line.replace(/.\n$/, "!\n")),
  swap: (text) => (isNext() ? text.replace(/^(from \S+ .*\n)(from \S+ .*\n)/m, "$2$1") : text),
  leak: (text) => {
    if (isNext()) setInterval(() => {}, 60_000)
    return text
  }
}

const fault = faults[process.env.SOAK_FAULT]
const { write } = Socket.prototype
Socket.prototype.write = function (data, ...rest) {
  return write.call(this, typeof data === "string" ? fault(data) : data, ...rest)
}

await import("../../dist/main.js")
