// PROTOCOL.md, section 4: no silent loss, and recipients that do not read. Imported, not run.
import { equal, hold } from "../client.mjs"
import { flood, inOrder, refused, untilStalled } from "../flood.mjs"
import { asRefused, fresh, section } from "../suite.mjs"

const { all, check } = section("promises", "4. Delivery: no silent loss", ["answers"])

export { all as delivery }

check(
  "the bytes after the last LF count when the client ends in order",
  [
    "A line is _accepted_ when the server has read its LF and does not refuse it.",
    "Bytes after the last LF count as a line if the client ends its stream in order"
  ],
  async (t) => {
    const [bob] = await t.login("bob")
    const alice = await t.connect()
    const name = fresh("alice")
    alice.shut(`${name}\n${bob.name}: one\n${bob.name}: two`)
    await alice.ends()
    await bob.answered(`from ${name}: one`, `from ${name}: two`)
  }
)

check(
  "the bytes after the last LF are dropped when the connection breaks",
  "and are dropped if the connection breaks.",
  async (t) => {
    const [bob] = await t.greet("bob")
    const [alice] = await t.login("alice")
    alice.send(`${bob.name}: whole`)
    await alice.answered()
    alice.write(`${bob.name}: half`)
    alice.reset()
    const lines = []
    while (!lines.at(-1)?.startsWith(`* left ${alice.name}: `)) lines.push(await bob.line(`* left ${alice.name}: …`))
    lines.push(...(await bob.answers()))
    equal(
      lines.filter((line) => line.startsWith("from ")),
      [`from ${alice.name}: whole`]
    )
  },
  { needs: ["tcp"] }
)

check(
  "a labelled line has one outcome per recipient, even if a recipient breaks off",
  ["Each accepted (line, recipient) pair ends in exactly one of these ways"],
  async (t) => {
    const [alice, bob, carol] = await t.greet("alice", "bob", "carol")
    const nobody = fresh("nobody")
    const count = 2_000
    const text = "x".repeat(Math.min(4_000, t.limits["max-line"] - 200))
    bob.pause()
    for (let index = 0; index < count; index++) {
      alice.send(`@${index} ${bob.name}, ${nobody}, ${carol.name}: ${text}`)
    }
    const names = [bob.name, carol.name, nobody]
    const outcomes = new Map()
    let told = 0
    while (told < 3 * count) {
      const line = await alice.line("an outcome", 2 * t.patience)
      const [, label, shown] = /^(?:\* written|! undelivered) @(\d+) (.+?)(?: reason=[a-z]+[^:]*)?: /u.exec(line) ?? []
      for (const name of shown?.split(", ") ?? []) {
        const key = `${label} ${name}`
        hold(names.includes(name) && !outcomes.has(key), "one outcome for each recipient", line)
        outcomes.set(key, line)
        told++
      }
      if (told >= 100) bob.reset()
    }
    for (const line of await alice.answers()) hold(/^\* (?:joined|left) /u.test(line), "no second outcome", line)
  },
  { needs: ["speed", "tcp"] }
)

check(
  "a recipient that pauses gets every line, or its sender gets it back",
  [
    "_written_: the kernel took all its bytes for the recipient's socket",
    "_returned_: its sender gets an `undelivered` line."
  ],
  async (t) => {
    const [alice, bob, carol] = await t.login("alice", "bob", "carol")
    bob.pause()
    const count = flood(t, alice, `${bob.name}:`)
    await untilStalled(t, alice, carol)
    bob.resume()
    const told = refused(await alice.answers(2 * t.patience), bob)
    const lines = await bob.answers(2 * t.patience)
    equal(inOrder(lines, alice) + told, count)
  },
  { needs: ["speed"] }
)

check(
  "a client that does not read its own answers is not read from, and loses none of them",
  "The server also stops reading from a client whose own queue is full, since replies to its lines would have no room",
  async (t) => {
    const [alice, carol] = await t.login("alice", "carol")
    alice.pause()
    const count = flood(t, alice, "/ping")
    await untilStalled(t, alice, carol)
    alice.resume()
    const lines = await alice.takes(count)
    for (const [index, line] of lines.entries()) hold(line.startsWith(`* pong: ${index} x`), `* pong: ${index} …`, line)
  },
  { needs: ["speed"] }
)

check(
  "the senders to a full queue are held, and other clients do not notice",
  [
    "Its senders are held: the server does not read from their sockets until the queue is half empty.",
    "No other client is affected.",
    "Each recipient has a queue, bounded in lines and bytes (`--outbox-lines`, `--outbox-bytes`)."
  ],
  async (t) => {
    const server = await t.serve("--hold-timeout", "60s", "--stall-timeout", "60s")
    const [alice, bob, carol, dave] = await server.login("alice", "bob", "carol", "dave")
    bob.pause()
    const count = flood(server, alice, `${bob.name}:`)
    await untilStalled(server, alice, carol)
    carol.send(`${dave.name}: we go on`)
    await dave.gets(`from ${carol.name}: we go on`)
    bob.resume()
    equal(refused(await alice.answers(2 * t.patience), bob), 0)
    equal(inOrder(await bob.answers(2 * t.patience), alice), count)
  },
  { needs: ["command"] }
)

check(
  "lines for a recipient that takes nothing are refused as busy until it takes bytes again",
  [
    "_Jammed._",
    "Its senders are released, and new lines for it are returned at once as `busy` until its socket takes bytes again.",
    "A recipient that stops reading costs a sender those 2 s once.",
    "the recipient's queue is full and it is not reading"
  ],
  async (t) => {
    const server = await t.serve("--hold-timeout", "100ms", "--stall-timeout", "60s")
    const [alice, bob] = await server.login("alice", "bob")
    bob.pause()
    const count = flood(server, alice, `${bob.name}:`)
    const busy = new RegExp(`^! undelivered ${bob.name} reason=busy retry=\\d+(?: count=\\d+)?: `, "u")
    const lines = await alice.answers(2 * t.patience)
    hold(lines.length > 0 && lines.every((line) => busy.test(line)), "only busy", lines)
    alice.send(`${bob.name}: again`)
    await alice.gets(busy)
    bob.resume()
    const taken = count - refused(lines, bob)
    await bob.takes(taken)
    alice.send(`${bob.name}: at last`)
    await alice.answered()
    await bob.answered(`from ${alice.name}: at last`)
  },
  { needs: ["command"] }
)

check(
  "a recipient that takes nothing is closed, and its queue is returned as slow",
  [
    "_Closed._",
    "The server closes it as a slow consumer and returns its queue to the senders as `slow`.",
    "the recipient was closed because it did not read, with N lines unwritten"
  ],
  async (t) => {
    const server = await t.serve("--hold-timeout", "100ms", "--stall-timeout", "300ms")
    const [alice, watcher] = await server.greet("alice", "watcher")
    const [bob] = await server.login("bob")
    bob.pause()
    flood(server, alice, `${bob.name}:`)
    const slow = new RegExp(`^! undelivered ${bob.name} reason=slow count=\\d+: `, "u")
    while (!slow.test(await alice.line("! undelivered … reason=slow count=N", 2 * t.patience)));
    while (!(await watcher.line()).startsWith(`* left ${bob.name}: `));
    await alice.answers(2 * t.patience) // the rest of the flood would go to the next client of that name
    await server.loginAs(bob.name)
  },
  { needs: ["command"] }
)

check(
  "a client gets all its outcomes, even beyond its limit of open ones",
  "and from one that waits for more than 65,536 outcomes of labelled lines to others (`--max-outcomes`)",
  async (t) => {
    const server = await t.serve("--max-outcomes", "10")
    const [alice] = await server.greet("alice")
    const [bob] = await server.login("bob")
    const labels = Array.from({ length: 2_000 }, (_, index) => `k${index}`)
    alice.send(...labels.map((label) => `@${label} ${bob.name}: hi`))
    const written = []
    while (written.length < labels.length) {
      const label = /^\* written @(\S+) /u.exec(await alice.line())?.[1]
      if (label !== undefined) written.push(label)
    }
    equal(written, labels)
  },
  { needs: ["command"] }
)

check(
  "a server whose memory is used up refuses newcomers, and those that are there go on",
  "When nothing is left, new connections are answered `! full`, and a full queue whose socket takes nothing is " +
    "jammed at once.",
  async (t) => {
    // An idle connection counts as 10 KiB.
    const long = ["--hold-timeout", "10m", "--stall-timeout", "10m", "--login-timeout", "10m"]
    const server = await t.serve("--max-memory", "1MiB", ...long)
    const [alice] = await server.greet("alice")
    const [bob, deaf] = await server.login("bob", "deaf")
    deaf.pause()
    flood(server, alice, `${deaf.name}:`)
    await untilStalled(t, alice, bob) // until then, the kernel takes from the queue, and there is room again
    for (let more = 0; more < 110; more++) await asRefused(() => server.connect())
    const refusal = await asRefused(async () => (await server.connect()).line())
    hold(/^! full retry=\d+ fatal: /u.test(refusal), "! full retry=MS fatal: …", refusal)
    const busy = new RegExp(`^! undelivered ${deaf.name} reason=busy `, "u")
    while (!busy.test(await alice.line("! undelivered … reason=busy", t.patience)));
    alice.send(`${bob.name}: still here`)
    await bob.line(`from ${alice.name}: still here`)
  },
  { needs: ["command"] }
)
