// PROTOCOL.md, section 4: clients that acknowledge what they process. Imported, not run.
import { equal, hold, same } from "../client.mjs"
import { fresh, section, timed } from "../suite.mjs"

const { all, check } = section("promises", "4. Delivery: no silent loss", ["answers", "ack"])

export { all as acknowledgement }

/** A client that acknowledges, and one that labels its lines. */
const pair = async (t) => {
  const [alice, bob] = await t.greet("alice", "bob")
  bob.send("/hello ack")
  const hello = (await bob.answers()).find((line) => line.startsWith("* hello "))
  hold(/ on=\S*\back\b/u.test(hello ?? ""), "`on=` with `ack`", hello)
  return [alice, bob]
}

/** The answers, without notices about other clients. */
const answersOf = async (client) => (await client.answers()).filter((line) => !/^\* (?:joined|left) /u.test(line))

const outcomesIn = (lines) => lines.filter((line) => /^(?:\* received|! undelivered) /u.test(line))

/** Sends labelled messages, and waits until they have arrived. */
const sendTo = async (alice, bob, labels) => {
  alice.send(...labels.map((label) => `@${label} ${bob.name}: ${label}`))
  same(await answersOf(alice), [])
  same(
    (await answersOf(bob)).filter((line) => line.startsWith("from ")),
    labels.map((label) => `from ${alice.name}: ${label}`)
  )
}

const received = ({ name }, ...labels) => labels.map((label) => new RegExp(`^\\* received @${label} ${name}: `, "u"))

const returned = ({ name }, label, reason) => new RegExp(`^! undelivered @${label} ${name} reason=${reason}: `, "u")

check(
  "a message to a client that acknowledges is received when it is acknowledged",
  [
    "A client that sent `/hello ack` acknowledges what it has processed, so that its senders learn more than that a " +
      "kernel took their lines.",
    "`/ack N` means: of the messages (`from` lines) after the first `* hello` whose `on=` has `ack`, the first N " +
      "are processed.",
    "A pair for such a client is received when it is acknowledged, and not when it is written.",
    "_received_: a recipient with `ack` has acknowledged it",
    "these recipients have acknowledged it",
    "lines to this client are received once it has acknowledged them",
    "A client acknowledges soon and seldom: about 50 ms after it has processed a message, or after 1,000 of them, " +
      "or after 256 KiB.",
    "If it waited until its queue is full, its senders would be held."
  ],
  async (t) => {
    const [alice, bob] = await pair(t)
    await sendTo(alice, bob, ["a", "b", "c", "d"])
    bob.send(`${fresh("nobody")}: hi`, "nonsense", "/ack 1")
    await bob.answers()
    same(await answersOf(alice), received(bob, "a"))
    bob.send("/hello ack", "/ack 3")
    await bob.answers()
    same(await answersOf(alice), received(bob, "b", "c"))
    bob.send("/ack 4")
    await bob.answers()
    same(await answersOf(alice), received(bob, "d"))
  }
)

check(
  "an acknowledgement has no reply if it is valid, and is a bad line otherwise",
  [
    "N is at most the number of messages sent to the client.",
    "An N that is not larger than the one before acknowledges nothing, and shows that the client is still there.",
    "A valid `/ack` gets no reply; any other, and one without `/hello ack`, gets `! bad-line`.",
    "| `/ack N` | none; see section 4 |"
  ],
  async (t) => {
    const [alice, bob] = await pair(t)
    await sendTo(alice, bob, ["a", "b"])
    bob.send("/ack 2", "/ack 1", "/ack 2", "/ack 0", "@k /ack 2")
    same(await answersOf(bob), [])
    same(await answersOf(alice), received(bob, "a", "b"))
    bob.send("/ack 3", "/ack", "/ack x", "/ack -1", "@k /ack 2.5")
    same(await answersOf(bob), [...Array(4).fill(/^! bad-line: /u), /^! bad-line @k: /u])
    alice.send("/ack 0")
    same(await answersOf(alice), [/^! bad-line: /u])
  }
)

check(
  "messages from before /hello ack are written, and do not count",
  "Messages that were queued before that `* hello` are written, and do not count.",
  async (t) => {
    const [alice, bob] = await t.greet("alice", "bob")
    alice.send(`@a ${bob.name}: a`)
    await alice.until("`* written`", () => alice.lines.find((line) => line.startsWith("* written @a ")))
    alice.lines.splice(0)
    bob.send("/hello ack")
    await bob.answers()
    await sendTo(alice, bob, ["b"])
    bob.send("/ack 2", "/ack 1")
    same(await answersOf(bob), [/^! bad-line: /u])
    same(await answersOf(alice), received(bob, "b"))
  }
)

check(
  "a valid acknowledgement does not count against the rate",
  "Only a line that gets `slow-down`, and a valid `/ack`, do not count.",
  async (t) => {
    const server = await t.serve("--rate", "20")
    const bob = await server.connect()
    bob.send("/hello ack", fresh("bob"), ...Array(200).fill("/ack 0"), ...Array(15).fill("/ping"))
    const lines = await bob.takes(16)
    hold(
      lines.every((line) => /^\* (?:hello|pong)/u.test(line)),
      "no `! slow-down`",
      lines
    )
  },
  { needs: ["command"] }
)

check(
  "a client that reads but does not acknowledge holds its senders, and is then jammed",
  [
    "Messages that are written but not acknowledged keep counting against the bounds of the queue.",
    "So a client that reads but does not process holds its senders, and is jammed when it has acknowledged nothing " +
      "for 2 s."
  ],
  async (t) => {
    const server = await t.serve("--outbox-lines", "16", "--hold-timeout", "300ms", "--stall-timeout", "60s")
    const [alice, bob] = await pair(server)
    alice.send(...Array.from({ length: 30 }, (_, index) => `${bob.name}: ${index}`))
    const busy = new RegExp(`^! undelivered ${bob.name} reason=busy retry=\\d+ count=13: `, "u")
    same(await answersOf(alice), [busy])
    equal((await answersOf(bob)).filter((line) => line.startsWith("from ")).length, 17)
    bob.send("/ack 17")
    await bob.answers()
    await sendTo(alice, bob, ["a"])
  },
  { needs: ["command"] }
)

check(
  "a client that acknowledges nothing is closed as unreachable",
  [
    "A client that has sent no valid `/ack` for 30 s (`--stall-timeout`), while messages waited for that, is closed " +
      "as unreachable.",
    "Everything that it has not acknowledged is returned as `unreachable`.",
    "the recipient was closed as unreachable (section 4); with `ack`, it may have read the N lines"
  ],
  (t) =>
    timed([300, 1_200, 4_800], async (millis, stopwatch) => {
      const server = await t.serve("--hold-timeout", "100ms", "--stall-timeout", `${millis}ms`)
      const [alice, bob] = await pair(server)
      await stopwatch.within(async () => {
        alice.send(`@a ${bob.name}: a`, `${bob.name}: b`, `${bob.name}: c`)
        await alice.answers()
        await bob.answers()
        bob.send("/ack 1")
        await bob.answers()
      })
      const pings = setInterval(() => bob.send("/ping"), millis / 4) // no acknowledgements
      const end = bob.until("the end of the stream", () => bob.ending, millis + t.patience)
      await end.finally(() => clearInterval(pings))
      await server.loginAs(bob.name) // the end can be seen before the server has returned the messages
      const lines = await answersOf(alice)
      same(lines, [...received(bob, "a"), new RegExp(`^! undelivered ${bob.name} reason=unreachable count=2: `, "u")])
    }),
  { needs: ["command"] }
)

check(
  "a client that repeats its last acknowledgement is not unreachable",
  "A client that works on one message for longer repeats its last `/ack` meanwhile, or sends `/ack 0`.",
  (t) =>
    timed([400, 1_600, 6_400], async (millis, stopwatch) => {
      const server = await t.serve("--hold-timeout", "100ms", "--stall-timeout", `${millis}ms`)
      const [alice, bob] = await pair(server)
      // Each part goes from one sign of life until the server has read the next one.
      stopwatch.begin()
      alice.send(`@a ${bob.name}: a`)
      for (let times = 0; times < 10; times++) {
        await new Promise((resolve) => setTimeout(resolve, millis / 4))
        stopwatch.begin()
        bob.send("/ack 0")
        await bob.answers()
        stopwatch.end()
      }
      bob.send("/ack 1")
      await bob.answers()
      stopwatch.end()
      same(await answersOf(alice), received(bob, "a"))
    }),
  { needs: ["command"] }
)

check(
  "what is not acknowledged when the connection ends is returned",
  [
    "If the connection ends in another way, everything that was written but not acknowledged is returned as " +
      "`disconnected`.",
    "The client may have read what is returned: only the acknowledgement is missing.",
    "the recipient left before N lines were written to it, or, with `ack`, acknowledged",
    "returned: not written, or not acknowledged"
  ],
  async (t) => {
    const [alice, bob] = await pair(t)
    await sendTo(alice, bob, ["a", "b"])
    bob.send("/ack 1")
    await bob.answers()
    bob.reset()
    const back = returned(bob, "b", "disconnected")
    await alice.until("the return", () => alice.lines.find((line) => back.test(line)))
    same(outcomesIn(alice.lines), [...received(bob, "a"), back])
  },
  { needs: ["tcp"] }
)

check(
  "two clients that flood each other get everything, although their acknowledgements are behind their floods",
  [
    "While the server does not read from a client because another client's queue is full, the client's " +
      "unacknowledged messages do not count, and its time stands still.",
    "A client that waits for outcomes also acknowledges before it sends more, because its outcomes may depend on " +
      "clients that wait for its acknowledgements."
  ],
  async (t) => {
    const server = await t.serve("--outbox-lines", "100", "--hold-timeout", "60s", "--stall-timeout", "60s")
    const [alice, bob] = await pair(server)
    alice.send("/hello ack")
    await alice.answers()
    const count = 20_000
    const texts = Array.from({ length: count }, (_, index) => `${index}`)
    const flooded = async (one, other) => {
      one.send(...texts.map((text) => `${other.name}: ${text}`))
      const got = []
      while (got.length < count) {
        const line = await one.line(`message ${got.length}`, 2 * t.patience)
        if (line.startsWith("from ")) got.push(line.slice(`from ${other.name}: `.length))
        if (got.length % 50 === 0 || got.length === count) one.send(`/ack ${got.length}`)
      }
      equal(got, texts)
    }
    await Promise.all([flooded(alice, bob), flooded(bob, alice)])
    same(await answersOf(alice), [])
  },
  { needs: ["command"] }
)

check(
  "after /quit a client may still acknowledge, and is gone when it has",
  "After `/quit`, a client with `ack` may still acknowledge: its connection ends when it has acknowledged " +
    "everything, or nothing for 5 s.",
  async (t) => {
    const [alice, bob] = await pair(t)
    await sendTo(alice, bob, ["a", "b"])
    bob.send("/quit", "/ping", "/ack 1")
    await alice.until("the outcome", () => alice.lines.find((line) => line.startsWith("* received @a ")))
    equal(bob.ending, undefined)
    bob.send("/ack 2")
    await bob.until("the end of the stream", () => bob.ending)
    same(bob.lines.slice(-1), [/^\* bye reason=quit: /u])
    await alice.until("the outcome", () => alice.lines.find((line) => line.startsWith("* received @b ")))
    same(outcomesIn(alice.lines), received(bob, "a", "b"))
  }
)

check(
  "after it has shut down its sending half, a client can no longer acknowledge",
  "After it has shut down its sending half it cannot: what it has not acknowledged is returned as `disconnected`.",
  async (t) => {
    const [carol, dave] = await pair(t)
    await sendTo(carol, dave, ["a", "b"])
    dave.shut("/ack 1\n")
    await dave.until("the end of the stream", () => dave.ending)
    same(outcomesIn(await carol.answers()), [...received(dave, "a"), returned(dave, "b", "disconnected")])
  },
  { needs: ["half-close"] }
)

check(
  "a shutdown waits for acknowledgements",
  "refuses new lines with `! closing`, except for `/ack`, delivers everything that it has accepted",
  async (t) => {
    const server = await t.serve("--grace", "20s")
    const [alice, bob] = await pair(server)
    await sendTo(alice, bob, ["a", "b"])
    server.signal("SIGTERM")
    while (!(await bob.line("* closing …")).startsWith("* closing "));
    bob.send("nonsense", "/ack 2")
    await bob.gets(/^! closing: /u)
    await alice.until("the end of the stream", () => alice.ending)
    same(
      alice.lines.filter((line) => line.startsWith("* received ")),
      received(bob, "a", "b")
    )
    const { errors } = await server.ended(3 * t.patience)
    hold(/\breceived=2\b/u.test(errors) && /\binFlight=0\b/u.test(errors), "received=2", errors)
  },
  { needs: ["command"] }
)
