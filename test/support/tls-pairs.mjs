// `node tls-pairs.mjs PORT CA PAIRS`: pairs of clients over TLS. One of each sends numbered lines as fast as it can,
// the other requires each to be the next. Prints `ready` when all receive. When its input ends, the senders leave, and
// the receivers after the last line; then it prints the number of lines. Exits with 1 on any error.
import { readFileSync } from "node:fs"
import { connect } from "node:tls"
import { LineCutter } from "../../scripts/line-client.mjs"

const [port, caFile, pairs] = process.argv.slice(2)
const ca = readFileSync(caFile)
const linesAtOnce = 500

const fail = (what) => {
  console.error(what)
  process.exit(1)
}

/** Logs in, and calls `hear` with each line; resolves when a line to itself has arrived. */
const join = (name, hear) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca, allowHalfOpen: true })
    let heard = (line) => {
      if (line !== `from ${name}: in`) fail(`${name} got ${line}`)
      heard = hear
      resolve(socket)
    }
    const cutter = new LineCutter((line) => heard(line))
    socket.setEncoding("latin1").on("data", (text) => cutter.push(text))
    socket.on("error", (error) => fail(`${name}: ${error.message}`))
    socket.write(`${name}\n${name}: in\n`)
  })

const input = process.stdin.resume()

const line = (number) => `${number} ${"x".repeat(20)}`

let ready = 0

const pair = async (index) => {
  let next = 0
  const receiver = await join(`r${index}`, (came) => {
    if (came !== `from s${index}: ${line(next)}`) fail(`r${index} got ${came}, not line ${next}`)
    if (next++ === 0 && ++ready === Number(pairs)) console.log("ready")
    if (next === total) receiver.end()
  })
  const sender = await join(`s${index}`, (came) => fail(`s${index} got ${came}`))
  let sent = 0
  let total = Infinity
  const ends = [sender, receiver].map((socket) => new Promise((resolve) => socket.once("end", resolve)))
  const send = () => {
    while (!input.readableEnded) {
      let text = ""
      for (const end = sent + linesAtOnce; sent < end; sent++) text += `r${index}: ${line(sent)}\n`
      if (!sender.write(text)) return sender.once("drain", () => setImmediate(send))
    }
    total = sent
    sender.end()
    if (next === total) receiver.end()
  }
  send()
  await Promise.all(ends)
  if (next !== sent) fail(`r${index} got ${next} lines of ${sent}`)
  receiver.destroy()
  sender.destroy()
  return sent
}

const sent = await Promise.all(Array.from({ length: Number(pairs) }, (_, index) => pair(index)))
console.log(`sent ${sent.reduce((sum, one) => sum + one, 0)}`)
process.exit(0)
