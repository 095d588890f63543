// A small a-chat server that dies at a stage: `node dying-server.mjs STAGE DEATH` prints its port. See the
// declarations.
import { createServer } from "node:net"
import { pathToFileURL } from "node:url"

/** The client may have time to end its sending half, or to wait for an answer. */
const delayMillis = 100

/** What each line is answered with, and at which stage; the first pattern that matches counts. */
const answers = [
  [/^\/hello(?: .*)?$/, "hello", () => "* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: x\n"],
  [/^\/ack \d+$/, "acknowledgement", () => ""],
  [/: hello\? [\da-f-]{36}$/, "hello proof", (line) => `from ${line}\n`],
  [/^\/ping (.*)$/, "ping", (_, text) => `* pong: ${text}\n`],
  [/^\/who$/, "who", () => "* who 2: alice, bob\n"],
  [/^(?:@(\S+) )?\/quit$/, "quit", (_, label) => `* bye ${label === undefined ? "" : `@${label} `}reason=quit: x\n`],
  [/^@(\S+) (.*?): /, "message", (_, label, names) => `* written @${label} ${names}: x\n`],
  [/^[^/@:]+: /, "message", () => ""],
  [/^[^/@:]+$/, "login", () => ""]
]

export const serve = (stage, death) => (socket) => {
  let rest = ""
  let pings = 0
  let isDying = false
  let isGreeted = false
  const die = (answer) => {
    isDying = true
    setTimeout(() => {
      if (death === "kill") process.kill(process.pid, "SIGKILL")
      else if (death === "reset") socket.resetAndDestroy()
      else socket.end(death === "torn" ? answer.slice(0, -1) : "")
    }, delayMillis)
  }
  const answer = (at, text) => {
    if (isDying) return
    if (at === stage) die(text)
    else socket.write(text)
  }
  socket.on("error", () => {})
  socket.on("end", () => {
    if (!isDying) socket.end()
  })
  socket.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines) {
      for (const [pattern, kind, reply] of answers) {
        const found = pattern.exec(line)
        if (found === null) continue
        if (kind === "ping") pings += 1
        answer(kind === "ping" ? (pings === 1 ? "first ping" : "later ping") : kind, reply(...found))
        if (kind === "quit" && !isDying) socket.end()
        isGreeted ||= kind === "hello"
        break
      }
    }
    // A message for the client, after the answers to everything that it sends with its login.
    if (stage === "delivery" && isGreeted) answer("delivery", "from bob: hi\n")
  })
  if (stage === "accept") die("")
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , stage, death] = process.argv
  const server = createServer({ allowHalfOpen: true }, serve(stage, death))
  server.listen(0, "127.0.0.1", () => console.log(server.address().port))
}
