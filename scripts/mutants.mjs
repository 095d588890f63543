// Breaks the server on purpose, in one way at a time, and requires the simulation to find each: `npm run mutants`
// (`-- NAME...` for some of them; `-- --seconds N` for how long each may live, 60 without it).
//
// A mutant is a change of one place in src/, given by a text that stands there exactly once; when it does not, the list
// has to follow the code. It is made in the bundle that is run, not in the files. Prints how long each lived; the exit
// status is the number of survivors.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { bundle } from "./simulate.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What is broken, where, and how. */
const mutants = [
  {
    name: "both ends of a connection remove its peer, by its name",
    file: "chat/Roster.ts",
    search: "if (this.byName.get(peer.name) !== peer) return",
    replace: "",
    also: {
      file: "chat/Connection.ts",
      search: 'this.peer.outbox.break("connection-lost")',
      replace:
        'this.peer.outbox.break("connection-lost"); this.broker.leave(this.peer, { reason: "connection-lost", unfinished: undefined, queued: [] })'
    }
  },
  {
    name: "a gone peer's name is never free",
    file: "chat/Sessions.ts",
    search: "this.roster.remove(peer)",
    replace: ""
  },
  {
    name: "pending lines are dropped on disconnect",
    file: "chat/Sessions.ts",
    search: "const unwritten = [...queued, ...peer.outbox.abandon()]",
    replace: "const unwritten = [...queued]"
  },
  {
    name: "queued batches are dropped on disconnect",
    file: "chat/Sessions.ts",
    search: "const unwritten = [...queued, ...peer.outbox.abandon()]",
    replace: "const unwritten = [...peer.outbox.abandon()]"
  },
  {
    name: "the batch in hand is lost",
    file: "chat/Sessions.ts",
    search: "unwritten.unshift(unfinished.batch)",
    replace: ""
  },
  {
    name: "a partly written batch is returned whole",
    file: "chat/Sessions.ts",
    search: "this.written(peer, unfinished.batch.splitAt(unfinished.taken))",
    replace: ""
  },
  {
    name: "a cut line counts as written",
    file: "chat/Outbox.ts",
    search: 'this.text.lastIndexOf("\\n", bytes - 1) + 1',
    replace: 'this.text.indexOf("\\n", bytes - 1) + 1'
  },
  {
    name: "a batch counts as written before it was",
    file: "chat/Connection.ts",
    search: "broker.blocked(peer)\n",
    replace: "broker.blocked(peer); broker.wrote(peer, batch)\n"
  },
  {
    name: "a failed write counts as written",
    file: "chat/Connection.ts",
    search: 'if (taken._tag === "Left") outbox.break("connection-lost")',
    replace: ""
  },
  {
    name: "what was offered is not asked for what was taken",
    file: "chat/Connection.ts",
    search: "inHand.text.length - socket.untaken()",
    replace: "inHand.text.length"
  },
  {
    name: "the writer's end is interrupted while it takes",
    file: "chat/Connection.ts",
    search: 'this.peer.outbox.break("connection-lost")',
    replace: 'this.peer.outbox.inHand = undefined; this.peer.outbox.break("connection-lost")'
  },
  {
    name: "held senders of a gone peer are forgotten",
    file: "chat/Sessions.ts",
    search: "this.release(peer.outbox)\n  }",
    replace: "}"
  },
  {
    name: "held senders are not released when there is room",
    file: "chat/Outbox.ts",
    search: "&& this.waiting.length > 0",
    replace: "&& false"
  },
  {
    name: "held senders are not released when the queue is jammed",
    file: "chat/Broker.ts",
    search: "for (const peer of deadlines.jammed(time)) sessions.release(peer.outbox)",
    replace: "deadlines.jammed(time)"
  },
  {
    name: "those who still wait overtake",
    file: "chat/Sessions.ts",
    search: "outbox.waiting = [...still, ...outbox.waiting]",
    replace: "outbox.waiting = outbox.waiting"
  },
  {
    name: "a held sender goes on where its block began",
    file: "chat/Routing.ts",
    search: "peer.inlet.position = position",
    replace: "peer.inlet.position = 0"
  },
  {
    name: "a held sender goes on behind the line it was held at",
    file: "chat/Routing.ts",
    search: "if (full !== undefined) return this.hold(peer, full, at)",
    replace: "if (full !== undefined) return this.hold(peer, full, end + 1)"
  },
  {
    name: "nobody is ever held",
    file: "chat/Routing.ts",
    search: "if (outbox.full && !outbox.jammed) {",
    replace: "if (outbox.full && outbox.jammed) {"
  },
  {
    name: "a gone client waits for its own outcomes",
    file: "chat/Outbox.ts",
    search: "if (this.outcomes > this.bounds.outcomes && this.hasWriter)",
    replace: "if (this.outcomes > this.bounds.outcomes)"
  },
  {
    name: "some of several recipients get a line twice",
    file: "chat/Routing.ts",
    search: "if (outbox.jammed) {\n",
    replace: "if (outbox.full && !outbox.jammed) return outbox\n      if (outbox.jammed) {\n",
    also: {
      file: "chat/Routing.ts",
      search: "if (outbox.full && !outbox.jammed) {",
      replace: "if (false) {"
    }
  },
  {
    name: "a jam is not looked at when a line is put",
    file: "chat/Routing.ts",
    search: "if (outbox.jammed) {\n",
    replace: "if (false) {\n"
  },
  {
    name: "a jam never ends",
    file: "chat/Deadlines.ts",
    search: "this.blockedPeers.delete(peer)\n    peer.outbox.jammed = false",
    replace: "this.blockedPeers.delete(peer)"
  },
  {
    name: "a stalled client is kept",
    file: "chat/Deadlines.ts",
    search: "else if (now - blocked.movedAt >= this.stallMillis) stalled.push(peer)",
    replace: ""
  },
  {
    name: "a slow client is closed as stalled though it moves",
    file: "chat/Deadlines.ts",
    search: "blocked.movedAt = now\n",
    replace: "\n"
  },
  {
    name: "a route is used after somebody left",
    file: "chat/Routing.ts",
    search: "last.version === this.roster.version && ",
    replace: ""
  },
  {
    name: "remembered routes are never forgotten",
    file: "chat/Routing.ts",
    search: "this.routes.clear()\n",
    replace: "if (this.routesVersion > 0) { this.routesVersion = this.roster.version; return this.routes.get(head) }\n"
  },
  {
    name: "the roster changes without a new version",
    file: "chat/Roster.ts",
    search: "this.version += 1",
    replace: ""
  },
  {
    name: "a client that left in order can still be addressed",
    file: "chat/Roster.ts",
    search: "return peer?.present === true ? peer : undefined",
    replace: "return peer"
  },
  {
    name: "an outbox ends while its owner's lines are in flight",
    file: "chat/Sessions.ts",
    search: "if (peer.leaving === undefined || peer.inFlight > 0 || peer.outbox.ended !== undefined) return",
    replace: "if (peer.leaving === undefined || peer.outbox.ended !== undefined) return"
  },
  {
    name: "nobody is told that a leaving sender's last line was written",
    file: "chat/Sessions.ts",
    search: "if (sender.inFlight === 0 && sender.leaving !== undefined) settled(sender)",
    replace: ""
  },
  {
    name: "the drain ends the outboxes while lines are in flight",
    file: "chat/Broker.ts",
    search: "if (ledger.snapshot().inFlight > 0) return false",
    replace: ""
  },
  {
    name: "the drain does not wait for those who are held",
    file: "chat/Broker.ts",
    search: "if (peer.outbox.waiting.length > 0 || (!peer.closing && peer.leaving === undefined)) return false",
    replace: ""
  },
  {
    name: "a drain goes on accepting",
    file: "chat/Broker.ts",
    search: "peer.inlet.close()\n        sessions.read(peer)",
    replace: "peer.closing = peer.leaving !== undefined\n        sessions.read(peer)"
  },
  {
    name: "a drain accepts those who come behind it",
    file: "chat/AcceptLoop.ts",
    search: "stopped = true\n",
    replace: "stopped = true; return Effect.void\n"
  },
  {
    name: "the grace time breaks nobody off",
    file: "chat/Broker.ts",
    search: 'if (peer.outbox.lines > 0) breakOff(peer, "cut-off")',
    replace: ";"
  },
  {
    name: "a login behind a break takes the name",
    file: "chat/Sessions.ts",
    search: "if (peer.gone) return // it broke off behind its login: a name is nobody's without a connection",
    replace: ""
  },
  {
    name: "a second login of the same name is let in",
    file: "chat/Roster.ts",
    search: "if (this.byLikeness.has(likeness)) return false",
    replace: ""
  },
  {
    name: "the lines behind a refused login are heard",
    file: "chat/Sessions.ts",
    search: "peer.leaving ??= reason",
    replace: 'if (reason !== "login-in-use") peer.leaving ??= reason'
  },
  {
    name: "a silent client is kept",
    file: "chat/Broker.ts",
    search: "for (const peer of deadlines.loginsExpired(time)) sessions.refuse(peer, Reply.loginTimeout, undefined)",
    replace: ""
  },
  {
    name: "a held client's break is not looked for",
    file: "chat/Deadlines.ts",
    search: "for (const peer of this.heldPeers) peer.socket.probe()",
    replace: ""
  },
  {
    name: "one outcome for a labelled line is lost when its recipient breaks",
    file: "chat/Routing.ts",
    search: "this.putUndelivered(sender, names, why, 1, label)",
    replace: ""
  },
  {
    name: "lines are told in sum, but not all of them",
    file: "chat/Routing.ts",
    search: "untold.count += 1",
    replace: ""
  },
  {
    name: "an answer overtakes what was not told yet",
    file: "chat/Routing.ts",
    search: "if (peer.untold !== undefined) this.tell(peer)",
    replace: ""
  },
  {
    name: "the last half line of an orderly end is dropped",
    file: "chat/Inlet.ts",
    search: "for (const piece of this.framing.end()) this.items.push(piece)",
    replace: ""
  },
  {
    name: "a paused client is never read again",
    file: "chat/Inlet.ts",
    search: "this.socket.resume()",
    replace: ""
  },
  {
    name: "a connection is destroyed instead of closed",
    file: "chat/Connection.ts",
    search: "Effect.as(Effect.interruptible(peer.socket.close(linger)), reason)",
    replace: "Effect.succeed(reason)"
  },
  {
    name: "a block goes to a full queue in one piece",
    file: "chat/Routing.ts",
    search: "if (!present.every((to) => to.outbox.hasRoom(text.length, lines))) return false",
    replace: "",
    also: { file: "chat/Routing.ts", search: "if (present.some((to) => to.outbox.full)) return false", replace: "" }
  },
  {
    name: "a block is taken for one address by its first and last line",
    file: "protocol/Block.ts",
    search: "if (lines < 0) return undefined",
    replace: "if (lines < 0) return { text: `${head}${Buffer.from(block).latin1Slice(lead.length)}`, lines: 1 }"
  },
  {
    name: "a block goes where its address led before somebody left",
    file: "chat/Routing.ts",
    search: "if (route === undefined || route.version !== this.roster.version || route.absent.length > 0) return false",
    replace: "if (route === undefined || route.absent.length > 0) return false"
  },
  {
    name: "the lines of a block count as one",
    file: "chat/Routing.ts",
    search: "this.account(peer, present.length * lines, present.length * text.length)",
    replace: "this.account(peer, present.length, present.length * text.length)"
  },
  {
    name: "a block is accepted after the shutdown began",
    file: "chat/Routing.ts",
    search:
      "if (peer.closing || peer.leaving !== undefined || outbox.full || outbox.owed || isLimited(peer)) return false",
    replace: "if (outbox.full || outbox.owed || isLimited(peer)) return false"
  },
  {
    name: "a refused client keeps its place",
    file: "chat/AcceptLoop.ts",
    search: "refused -= 1",
    replace: ""
  },
  {
    name: "a client that is gone keeps its place",
    file: "chat/AcceptLoop.ts",
    search: "served -= 1",
    replace: ""
  },
  {
    name: "a place of an address is kept",
    file: "chat/AcceptLoop.ts",
    search: "addresses.leave(host)",
    replace: ""
  },
  {
    name: "a returned line stands in the account, and in no queue",
    file: "chat/Sessions.ts",
    search: "peer.outbox.returns -= batch.returns",
    replace: ""
  },
  {
    name: "who is gone, and still held, is forgotten by the account",
    file: "chat/Inspection.ts",
    search: "gone.inFlight > 0 || gone.heldBy !== undefined",
    replace: "gone.inFlight > 0"
  }
]

const { positionals, values } = parseArgs({ allowPositionals: true, options: { seconds: { type: "string" } } })
const seconds = Number(values.seconds ?? 60)

/** The places of a mutant: one, or two where one alone would change nothing. */
const places = ({ also, ...first }) => (also === undefined ? [first] : [first, also])

/** Puts the mutant into the bundle. */
const plugin = (mutant) => ({
  name: "mutant",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const own = places(mutant).filter(({ file }) => path === join(root, "src", file))
      if (own.length === 0) return undefined
      const text = own.reduce((code, { replace, search }) => code.replace(search, () => replace), read(path))
      return { contents: text, loader: "ts" }
    })
})

const read = (path) => readFileSync(path, "utf8")

const chosen = positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name))
const lost = chosen.filter((mutant) =>
  places(mutant).some(({ file, search }) => read(join(root, "src", file)).split(search).length !== 2)
)
for (const { name } of lost) console.error(`${name}: its place in src/ is not there, or not unique`)
if (lost.length > 0) process.exit(lost.length)

const directory = mkdtempSync(join(tmpdir(), "a-chat-mutants-"))
let survivors = 0
try {
  for (const mutant of chosen) {
    const outfile = join(directory, "main.mjs")
    await bundle(outfile, [plugin(mutant)])
    const args = [outfile, "--seconds", String(seconds), "--seed", "1"]
    const { signal, status, stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: (seconds + 60) * 1000,
      killSignal: "SIGKILL"
    })
    const [, schedules, lived, rule] = /found after (\d+) schedules and ([\d.]+) s: (.*)/.exec(stdout) ?? []
    const isFound = signal !== null || status !== 0
    if (!isFound) survivors += 1
    const fate = isFound ? "hung or died" : "SURVIVED"
    const how = rule === undefined ? fate : `${schedules.padStart(6)} schedules ${lived.padStart(5)} s  ${rule}`
    console.log(`${mutant.name.padEnd(66)} ${how}`)
  }
} finally {
  rmSync(directory, { recursive: true })
}
console.log(`${chosen.length} mutants, ${survivors} survived ${seconds} s`)
process.exitCode = survivors
