// PROTOCOL.md, section 5: the server's shutdown. Imported, not run.
import { equal, Failure, hold, same } from "../client.mjs"
import { flood, inOrder, refused } from "../flood.mjs"
import { section } from "../suite.mjs"

const { all, check } = section("promises", "5. Leaving", ["answers"])

export { all as shutdown }

const needs = ["command"]

const status = async (server, expected) => {
  const ended = await server.ended(3 * server.patience)
  if (ended.status !== expected) throw new Failure(`exit status ${expected}`, `${ended.status}: ${ended.errors}`)
}

/** A server with Alice, Carol and Bob, who reads nothing; `waiting` lines from Alice are queued for him. */
const stuck = async (t, ...flags) => {
  const server = await t.serve("--hold-timeout", "200ms", "--stall-timeout", "60s", ...flags)
  const [alice, carol] = await server.greet("alice", "carol")
  const [bob] = await server.login("bob")
  bob.pause()
  const count = flood(server, alice, `${bob.name}:`)
  const busy = refused(await alice.answers(2 * t.patience), bob)
  hold(busy > 0, "! undelivered … reason=busy", "none")
  return { alice, bob, carol, waiting: count - busy, server }
}

const shutdownNotice = async (client) => {
  while (!(await client.line("* closing grace=MS: …")).startsWith("* closing grace="));
}

for (const signal of ["SIGTERM", "SIGINT"]) {
  check(
    `${signal} ends every connection in order, and the server with status 0`,
    "then `* bye reason=shutdown: …` as the last line.",
    async (t) => {
      const server = await t.serve("--grace", "7s")
      const [alice] = await server.greet("alice")
      const [bob] = await server.login("bob")
      const silent = await server.connect()
      alice.send(`${bob.name}: last words`)
      await alice.until("`* joined`", () => (alice.lines.length > 0 ? true : undefined))
      await server.handOver(alice)
      server.signal(signal)
      await alice.until("the end of the stream", () => alice.ending)
      const lines = alice.lines.filter((line) => !line.startsWith("* joined "))
      same(lines, [/^\* closing grace=7000 return=\d+: /u, /^\* bye reason=shutdown: /u])
      await bob.ends(`from ${alice.name}: last words`)
      await silent.ends()
      await status(server, 0)
    },
    { needs }
  )
}

check(
  "clients get different times to reconnect",
  "`return` is the time from the end of the connection to the best time to reconnect, in milliseconds; it differs " +
    "from client to client, so that they do not all return at once.",
  async (t) => {
    const server = await t.serve("--return-after", "3s")
    const clients = []
    for (const base of ["alice", "bob", "carol"]) clients.push((await server.greet(base))[0])
    server.signal("SIGTERM")
    const times = await Promise.all(clients.map(returnTime))
    hold(new Set(times).size === 3, "three different times", times)
    hold(
      times.every((time) => time >= 3000 && time <= 6000),
      "from 3 to 6 seconds",
      times
    )
  },
  { needs: ["command", "signals"] }
)

const returnTime = async (client) => {
  for (;;) {
    const found = /^\* closing grace=\d+ return=(\d+): /u.exec(await client.line("* closing …"))
    if (found !== null) return Number(found[1])
  }
}

check(
  "at shutdown accepted lines are delivered, and new ones refused",
  [
    "the server stops listening, refuses new lines with `! closing`, except for `/ack`, delivers everything that it " +
      "has accepted, and closes in order",
    "the line came after the server began to shut down, and was not accepted",
    "| `! closing [retry=MS fatal]: …` | the server is shutting down |"
  ],
  async (t) => {
    const { alice, bob, carol, waiting, server } = await stuck(t, "--grace", "10m")
    server.signal("SIGTERM")
    await shutdownNotice(carol)
    carol.send(`${bob.name}: too late`, "/ping")
    await carol.gets(/^! closing: /u, /^! closing: /u)
    const late = await server.connect().catch((error) => error)
    hold(late instanceof Failure, "no connection to a server that is shutting down", "a connection")
    bob.resume()
    await bob.until("the end of the stream", () => bob.ending, 3 * t.patience)
    await alice.until("the end of the stream", () => alice.ending, 3 * t.patience)
    equal([bob.ending, alice.ending], ["end", "end"])
    equal(inOrder(bob.lines, alice), waiting)
    same(alice.lines, [/^\* closing grace=/u, /^\* bye reason=shutdown: /u])
    await status(server, 0)
  },
  { needs }
)

check(
  "lines left at the end of the grace time are returned, and the server ends with status 1",
  "Lines that are left after it are returned, counted and logged, and the exit status is 1 instead of 0.",
  async (t) => {
    const { alice, bob, server } = await stuck(t, "--grace", "300ms")
    server.signal("SIGTERM")
    await alice.until("the end of the stream", () => alice.ending, 3 * t.patience)
    hold(refused(alice.lines, bob) > 0, "! undelivered … count=N", alice.lines)
    await status(server, 1)
  },
  { needs }
)

check(
  "a second signal ends the server at once",
  "A second signal ends the server at once.",
  async (t) => {
    const { carol, server } = await stuck(t, "--grace", "10m")
    server.signal("SIGTERM")
    await shutdownNotice(carol)
    server.signal("SIGTERM")
    await server.ended(t.patience)
  },
  { needs }
)

const ledgerIn = (log) =>
  Object.fromEntries(
    ["accepted", "written", "received", "stored", "returned", "dead", "inFlight"].map((name) => [
      name,
      Number(new RegExp(`\\b${name}=(\\d+)`, "u").exec(log)?.[1])
    ])
  )

check(
  "the ledger logged at shutdown is balanced and correct",
  [
    "If the sender has left as well, the pair is counted as _dead_.",
    "The server keeps a ledger, `accepted = written + received + stored + returned + dead + in flight`",
    "At rest, nothing is in flight."
  ],
  async (t) => {
    const server = await t.serve()
    const [alice, bob] = await server.login("alice", "bob")
    alice.send(`${bob.name}, nobody, ${alice.name}: three pairs`, "refused", `nobody: one more`)
    await alice.answers()
    await bob.answered(`from ${alice.name}: three pairs`)
    server.signal("SIGTERM")
    const { errors } = await server.ended(3 * t.patience)
    equal(ledgerIn(errors), { accepted: 4, written: 2, received: 0, stored: 0, returned: 2, dead: 0, inFlight: 0 })
  },
  { needs }
)

check(
  "lines that cannot be returned to a sender that left count as dead",
  "If the sender has left as well, the pair is counted as _dead_.",
  async (t) => {
    const { alice, bob, carol, server } = await stuck(t)
    alice.reset()
    while (!(await carol.line()).startsWith(`* left ${alice.name}: `));
    bob.reset()
    while (!(await carol.line()).startsWith(`* left ${bob.name}: `));
    server.signal("SIGTERM")
    const { errors } = await server.ended(3 * t.patience)
    const { accepted, dead, inFlight, returned, written } = ledgerIn(errors)
    hold(dead > 0 && inFlight === 0, "dead pairs, and none in flight", errors)
    equal(written + returned + dead, accepted)
  },
  { needs }
)
