// A sender that is faster than its recipient, for checks of flow control. Imported, not run.
import { Failure } from "./client.mjs"

/**
 * More than the kernel buffers between two processes, or three with a bridge, and a recipient's queue hold together.
 */
const bytesOver = ({ isBridge }) => (isBridge ? 64e6 : 32e6)

/** Sends numbered lines that begin with `start`, such as `bob:`, without waiting. Returns the number of lines. */
export const flood = (t, client, start) => {
  const text = "x".repeat(Math.min(8_000, t.limits["max-line"] - 200))
  const count = Math.ceil(bytesOver(t.server.endpoint) / text.length)
  const atOnce = Math.ceil(64_000 / text.length)
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, index) => first + index)
    client.send(...numbers.map((number) => `${start} ${number} ${text}`))
  }
  return count
}

/** Waits until the server has read nothing from a client for a while, although it answers another client meanwhile. */
export const untilStalled = async (t, client, bystander) => {
  let [before, since, rounds] = [0, Date.now(), 0]
  const deadline = since + 2 * t.patience
  while (Date.now() < deadline) {
    await bystander.answers()
    if (client.untaken !== before || before === 0) [before, since, rounds] = [client.untaken, Date.now(), 0]
    else if (++rounds >= 3 && Date.now() - since > 200) return
  }
  throw new Failure("a sender that is not read from", `${client.untaken} bytes still to go`)
}

/** Counts the lines of a flood, and requires them to be in order, each at most once. */
export const inOrder = (lines, { name }) => {
  let last = -1
  const start = `from ${name}: `
  const numbers = lines.filter((line) => line.startsWith(start)).map((line) => parseInt(line.slice(start.length), 10))
  for (const number of numbers) {
    if (!(number > last)) throw new Failure(`a line after ${last}`, `line ${number}`)
    last = number
  }
  return numbers.length
}

/** Counts the lines to a recipient that these answers report as undelivered. */
export const refused = (lines, { name }) => {
  let sum = 0
  for (const line of lines) {
    const [, names, count = "1"] =
      /^! undelivered (\S+) reason=[a-z]+(?: retry=\d+)?(?: count=(\d+))?: /u.exec(line) ?? []
    if (names === name) sum += Number(count)
  }
  return sum
}
