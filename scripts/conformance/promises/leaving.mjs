// PROTOCOL.md, section 5: how clients leave. Imported, not run.
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { equal, Failure, hold } from "../client.mjs"
import { flood, inOrder, refused, untilStalled } from "../flood.mjs"
import { fresh, section, timed } from "../suite.mjs"

const { all, check } = section("promises", "5. Leaving", ["answers"])

export { all as leaving }

check(
  "the example: a script that half-closes learns that Bob is not present",
  "`printf 'alice\\nbob: hi\\n' | nc -N 127.0.0.1 8080` shows `! undelivered bob …` if bob is not present.",
  async (t) => {
    const bob = fresh("bob")
    const script = await t.connect()
    script.shut(`${fresh("alice")}\n${bob}: hi\n`)
    await script.ends(new RegExp(`^! undelivered ${bob} reason=offline: `, "u"))
  }
)

check(
  "after /quit a client gets every outcome before the end of the stream",
  "**Leave** with `/quit`, and read to the end of the stream: every message then has its outcome.",
  async (t) => {
    const [bob, alice] = [...(await t.login("bob")), ...(await t.greet("alice"))]
    const nobody = fresh("nobody")
    alice.send(`@k1 ${bob.name}: one`, `@k2 ${nobody}: two`, `@k3 ${bob.name}: three`, "/quit")
    await alice.until("the end of the stream", () => alice.ending)
    const outcomes = alice.lines.flatMap((line) => / @(k\d) /u.exec(line)?.[1] ?? [])
    equal(outcomes.toSorted(), ["k1", "k2", "k3"])
  }
)

check(
  "an idle client hears nothing, and stays",
  "The server sends nothing to an idle client, and does not close it.",
  (t) =>
    timed([200, 800, 3_200], async (millis, stopwatch) => {
      const short = ["--hold-timeout", "50ms", "--stall-timeout", "100ms", "--login-timeout", `${millis}ms`]
      const server = await t.serve(...short)
      const [alice, bob] = await stopwatch.within(() => server.login("alice", "bob"))
      await pause(1000 + 2.5 * millis)
      equal([alice.lines, alice.ending ?? "open"], [[], "open"])
      bob.send(`${alice.name}: hi`)
      await alice.gets(`from ${bob.name}: hi`)
    }),
  { needs: ["command"] }
)

check(
  "a client that half-closes gets its outcomes before the server closes",
  "when the last of them is delivered or returned, the server closes the connection.",
  async (t) => {
    const [bob] = await t.login("bob")
    const [alice] = await t.greet("alice")
    alice.shut(`@k1 ${bob.name}: one\n@k2 ${fresh("nobody")}: two\n@k3 ${bob.name}: three`)
    const lines = []
    await alice.until("the end of the stream", () => alice.ending)
    for (const line of alice.lines.splice(0)) if (!/^\* (?:joined|left) /u.test(line)) lines.push(line)
    equal(lines.map((line) => /@k\d/u.exec(line)?.[0]).toSorted(), ["@k1", "@k2", "@k3"])
    equal(alice.ending, "end")
    await bob.answered(`from ${alice.name}: one`, `from ${alice.name}: three`)
  }
)

check(
  "a client that half-closes can no longer be addressed, and gets what is queued for it",
  "A client that shuts down its sending half has left: no message can reach it any more.",
  async (t) => {
    const [alice, bob, carol] = [...(await t.login("alice", "bob")), ...(await t.greet("carol"))]
    bob.pause()
    const count = flood(t, alice, `${bob.name}:`)
    await untilStalled(t, alice, carol)
    bob.shut()
    while (!(await carol.line(`* left ${bob.name}: …`)).startsWith(`* left ${bob.name}: `));
    carol.send(`${bob.name}: too late`)
    hold(
      (await carol.answers()).some((line) => line.startsWith(`! undelivered ${bob.name} reason=offline: `)),
      "! undelivered … reason=offline",
      "something else"
    )
    bob.resume()
    const told = refused(await alice.answers(2 * t.patience), bob)
    await bob.until("the end of the stream", () => bob.ending, 2 * t.patience)
    equal(bob.ending, "end")
    equal(inOrder(bob.lines.splice(0), alice) + told, count)
  },
  { needs: ["half-close", "speed", "seen-leaving"] }
)

check(
  "lines that a broken connection did not take are returned with their count",
  [
    "Lines that its socket did not take are returned to their senders.",
    "the recipient left before N lines were written to it"
  ],
  async (t) => {
    const [alice, bob, carol] = await t.login("alice", "bob", "carol")
    bob.pause()
    const count = flood(t, alice, `${bob.name}:`)
    await untilStalled(t, alice, carol)
    bob.reset()
    const lines = await alice.answers(2 * t.patience)
    const returned = new RegExp(`^! undelivered ${bob.name} reason=disconnected count=[1-9]\\d*: `, "u")
    hold(
      lines.some((line) => returned.test(line)),
      "! undelivered … reason=disconnected count=N",
      lines
    )
    hold(refused(lines, bob) <= count, `at most ${count} lines returned`, lines)
  },
  { needs: ["speed", "tcp"] }
)

check(
  "lines that the server read before a connection broke are delivered",
  "Its own lines that the server had read whole are delivered.",
  async (t) => {
    const [bob] = await t.login("bob")
    for (let turn = 0; turn < 20; turn++) {
      const [alice] = await t.login("alice")
      alice.send(`${bob.name}: last words`)
      await alice.answered()
      alice.reset()
      await bob.gets(`from ${alice.name}: last words`)
    }
  },
  { needs: ["tcp"] }
)

check(
  "a client that comes back is not ahead of the lines of its broken connection",
  "When a client comes back under its name, its lines come after those that the server had read from its last " +
    "connection.",
  async (t) => {
    const [bob] = await t.login("bob")
    const name = fresh("alice")
    const numbers = []
    const readUntil = async (number) => {
      while (!(numbers.at(-1) >= number)) numbers.push(Number((await bob.line()).slice(`from ${name}: `.length)))
    }
    let alice = await t.loginAs(name)
    let sent = 0
    for (let turn = 0; turn < 20; turn++) {
      const first = sent
      for (let line = 0; line < 500; line++) alice.send(`${bob.name}: ${sent++}`)
      await readUntil(first)
      alice.reset()
      alice = await again(t, name)
    }
    alice.send(`${bob.name}: ${sent}`)
    await readUntil(sent)
    equal(
      numbers,
      numbers.toSorted((one, other) => one - other)
    )
  },
  { needs: ["speed", "tcp"] }
)

for (const [how, needs] of [
  ["shut", ["speed"]],
  ["reset", ["speed", "tcp"]]
]) {
  check(
    `a new client keeps the name of a client that left by ${how}`,
    "A name becomes free once, when the broker has seen the connection's writer end: the end of an older connection " +
      "never removes a newer client with the same name.",
    async (t) => {
      const [bob] = await t.login("bob")
      const name = fresh("alice")
      let alice = await t.loginAs(name)
      for (let turn = 0; turn < 20; turn++) {
        alice[how]()
        alice = await again(t, name)
        bob.send(`${name}: ${turn}`)
        await bob.answered()
        await alice.gets(`from ${bob.name}: ${turn}`)
      }
    },
    { needs: [...needs, "seen-leaving"] }
  )
}

for (const [how, leave] of [
  ["/quit", (alice) => alice.send("/quit")],
  ["the end of its sending half", (alice) => alice.shut()]
]) {
  check(
    `a client that has left by ${how} finds its name free when it reads the end of the stream`,
    "At one server, the name of a client that reads the end of its stream is free.",
    async (t) => {
      const name = fresh("alice")
      for (let turn = 0; turn < 20; turn++) {
        const alice = await t.loginAs(name)
        leave(alice)
        await alice.until("the end of the stream", () => alice.ending)
        equal(alice.ending, "end")
      }
    },
    { needs: ["seen-leaving"] }
  )
}

/** Logs in as soon as the name is free. */
const again = async (t, name) => {
  for (const deadline = Date.now() + t.patience; ;) {
    const client = await t.connect()
    client.send(name, "/ping")
    const line = await client.line()
    if (!line.startsWith("! login-in-use ") || Date.now() > deadline) {
      hold(line.startsWith("* pong: "), "a free name", line)
      return client
    }
  }
}

check(
  "the last line reaches a client that is still sending",
  "The server's last line reaches the client even if the client still has unread input on the way",
  async (t) => {
    const junk = Buffer.alloc(2_000_000, "junk\n")
    for (const [line, last] of [
      ["no name", /^! bad-login fatal: /u],
      ["/quit", /^\* bye reason=quit: /u]
    ]) {
      const client = await t.connect()
      client.send(line)
      client.write(junk)
      client.shut()
      await client.ends(last)
    }
  }
)

/** A server with a control socket, and a function that sends it one request of an operator. */
const controlled = async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "conformance-"))
  const path = join(folder, "control")
  const server = await t.serve("--control", path)
  // The server listens there only after it listens for clients, which is what `serve` waits for.
  for (const deadline = Date.now() + t.patience; !existsSync(path) && Date.now() < deadline;) await pause(10)
  const request = async (line) => {
    const socket = connect(path)
    const answer = []
    socket.setEncoding("utf8").on("data", (text) => answer.push(text))
    socket.write(`${line}\n`)
    for (const deadline = Date.now() + t.patience; answer.join("").split("\n").length < 3; await pause(5)) {
      if (Date.now() > deadline) throw new Failure(`an answer to ${line}`, answer.join(""))
    }
    socket.destroy()
  }
  return { server, request, remove: () => rm(folder, { recursive: true }) }
}

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

check(
  "a client that the operator disconnects gets a last line, and its queue returns",
  [
    "The operator can disconnect a client.",
    "Its last line is then `! kicked fatal: …`, or `! banned [retry=MS] fatal: …` if its name or address is now " +
      "banned;",
    "Lines for it that the server has not begun to write are returned to their senders as `disconnected`.",
    "`! banned [retry=MS] fatal: …`",
    "the operator has banned the name, one that looks the same, or the client's address; with `retry`, until the " +
      "ban ends"
  ],
  async (t) => {
    const { remove, request, server } = await controlled(t)
    const [alice, carol] = await server.login("alice", "carol")
    // Whose socket has taken nothing for 5 s gets no last line.
    await timed(Array(4).fill(5_000), async (_, stopwatch) => {
      const [bob] = await server.login("bob")
      bob.pause()
      const count = flood(t, alice, `${bob.name}:`)
      await untilStalled(t, alice, carol)
      bob.resume()
      await bob.until("some of the lines", () => bob.lines.length > count / 4 || bob.ending)
      bob.pause()
      await stopwatch.within(async () => {
        await request(`kick ${bob.name}`)
        bob.resume()
        await bob.until("the end of the stream", () => bob.ending, 2 * t.patience)
      })
      const lines = bob.lines.splice(0)
      const last = lines.pop()
      hold(last.startsWith("! kicked fatal: "), "! kicked fatal: …", last.slice(0, 100))
      const told = refused(await alice.answers(2 * t.patience), bob)
      hold(told > 0, "! undelivered … reason=disconnected", "none")
      equal(inOrder(lines, alice) + told, count)
    })
    await request(`ban ${carol.name} for=1h`)
    await carol.ends(/^! banned retry=\d+ fatal: /u)
    const again = await server.connect()
    again.send(carol.name.toUpperCase())
    await again.ends(/^! banned retry=\d+ fatal: /u)
    await request(`unban ${carol.name}`)
    await request(`ban ${alice.name}`)
    await alice.ends(/^! banned fatal: /u)
    await timed([1_000, 4_000, 16_000], async (millis, stopwatch) => {
      const retry = await stopwatch.within(async () => {
        await request(`ban 127.0.0.1 for=${millis / 1000}s`)
        const early = await server.connect()
        const [[, millisLeft]] = await early.gets(/^! banned retry=(\d+) fatal: /u)
        await early.ends()
        return Number(millisLeft)
      })
      hold(retry <= millis, "the time until the ban ends", retry)
      await pause(retry + 1) // Node's timers may be a millisecond early
      await server.login("dave")
    })
    await remove()
  },
  { needs: ["command", "speed"] }
)
