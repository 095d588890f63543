// PROTOCOL.md, section 10: kept lines. Imported, not run. Each check starts a server that keeps accounts in memory.
import { equal, hold, same } from "../client.mjs"
import { section } from "../suite.mjs"

const { all, check } = section("promises", "10. Kept lines", ["command"])

export { all as kept }

const password = "correct horse"

/** A client that has logged in, after these words. */
const enter = async (t, line, words = "") => {
  const client = await t.connect()
  client.send(`/hello ${words}`, line, "/ping in")
  await client.until("a login", () => client.lines.find((one) => one === "* pong: in" || one.startsWith("! ")))
  same(
    client.lines.filter((one) => one.startsWith("! ")),
    []
  )
  return client
}

/** A server on which these names have accounts. Nobody is connected. */
const start = async (t, ...names) => {
  const server = await t.serve("--store", "memory")
  for (const name of names) {
    const client = await enter(server, name)
    client.send(`/register ${password}`, "/quit")
    await client.until("the end", () => client.lines.find((line) => line.startsWith("* bye ")))
  }
  return server
}

const account = (t, who, words) => enter(t, `${who}: ${password}`, words)

/** Waits for outcomes, and returns them. */
const outcomes = async (client, count) => {
  const found = () => client.lines.filter((line) => / @[a-z0-9]+[ :]/u.test(line))
  return client.until(`${count} outcomes`, () => (found().length >= count ? found() : undefined))
}

/** Waits for messages, and returns all that came. */
const messages = async (client, count) => {
  const found = () => client.lines.filter((line) => /^(?:from|\* sent) /u.test(line))
  return client.until(`${count} messages`, () => (found().length >= count ? found() : undefined))
}

/** Waits for the receipt of bob's first line. */
const delivered = (client) =>
  client.until("`* delivered`", () => client.lines.find((line) => line.startsWith("* delivered bob seq=1: ")))

check(
  "a line to an account is stored, and given to it when it comes",
  [
    "_stored_: the line is kept for a recipient with an account (section 10); or",
    "| `* stored @LABEL NAME[, NAME…]: …` | it is kept for these accounts |",
    "The server then gives it to the account's devices, at once or when they connect.",
    "A line to a guest is never kept: the next client of that name may be somebody else.",
    "What an account writes to a guest is not kept either.",
    "A new device of an account starts where the furthest of its devices is; the first starts at the beginning."
  ],
  async (t) => {
    const server = await start(t, "alice", "bob")
    const carol = await enter(server, "carol")
    carol.send("@a bob: one", "@b dave: two")
    const got = await outcomes(carol, 2)
    hold(
      got.some((line) => line.startsWith("* stored @a bob: ")) &&
        got.some((line) => line.startsWith("! undelivered @b dave reason=offline: ")),
      "one stored, one offline",
      got
    )
    const bob = await account(server, "bob")
    same(await messages(bob, 1), ["from carol: one"])
    bob.send("@c carol: back")
    hold((await outcomes(bob, 1))[0]?.startsWith("* written @c carol: "), "`* written`", bob.lines)
    bob.send("/quit")
    await bob.until("the end", () => bob.lines.find((line) => line.startsWith("* bye ")))
    carol.send("bob: later")
    const phone = await account(server, "bob/phone", "seq")
    const [line] = await messages(phone, 1)
    hold(/^from carol guest=yes seq=2 at=\d+: later$/u.test(line ?? ""), "only what nobody was given", phone.lines)
  }
)

check(
  "a conversation is a log with numbers and times",
  [
    "What two accounts write to each other is one _conversation_, and so is what one guest writes to an account, " +
      "and what an account writes to itself.",
    "Its lines have numbers without holes, `seq` = 1, 2, 3, …, and times, `at`, in milliseconds since 1970, which " +
      "never decrease.",
    "A device that is connected and reads gets the lines after its place, in order; there is no order between " +
      "conversations.",
    "| `seq` | kept lines have numbers and times, and outcomes as well: `from alice seq=17 at=1764151201123: hi` |",
    "With `seq`, a line that a guest sent has `guest=yes` before its number, and a labelled line has one outcome " +
      "for each account:"
  ],
  async (t) => {
    const server = await start(t, "alice", "bob")
    const [alice, bob, carol] = [
      await account(server, "alice", "seq"),
      await account(server, "bob", "seq"),
      await enter(server, "carol")
    ]
    alice.send("@a bob: one")
    await outcomes(alice, 1)
    bob.send("@b alice: two")
    await outcomes(bob, 1)
    carol.send("bob: three")
    alice.send("@c bob, alice: four")
    const got = await outcomes(alice, 3)
    const shown = got.map((line) => line.replace(/at=\d+: .*$/u, "at"))
    hold(shown.includes("* stored @a bob seq=1 at"), "the number of the first", got)
    hold(shown.includes("* stored @c bob seq=3 at") && shown.includes("* stored @c alice seq=1 at"), "one each", got)
    const lines = (await messages(bob, 3)).map((line) => line.replace(/at=\d+:/u, "at:"))
    for (const line of [
      "from alice seq=1 at: one",
      "from carol guest=yes seq=1 at: three",
      "from alice seq=3 at: four"
    ]) {
      hold(lines.includes(line), line, lines)
    }
    const times = (await messages(alice, 2)).map((line) => Number(/at=(\d+)/u.exec(line)?.[1]))
    hold(
      times.every((time) => Math.abs(time - Date.now()) < 600_000),
      "the time of day",
      times
    )
  }
)

check(
  "a device is given a line again until it has acknowledged it",
  [
    "Each device has a place in each conversation, up to which it was given the lines.",
    "Its place follows what the kernel took for it or, with `ack`, what it has acknowledged: with `ack`, a line is " +
      "given again until it was acknowledged, over any break or crash, and `seq` shows what comes again."
  ],
  async (t) => {
    const server = await start(t, "bob")
    const carol = await enter(server, "carol")
    const bob = await account(server, "bob", "ack seq")
    carol.send("bob: one", "bob: two", "bob: three")
    await messages(bob, 3)
    bob.send("/ack 1")
    await bob.answers()
    bob.reset()
    const again = await account(server, "bob", "ack seq")
    const lines = (await messages(again, 2)).map((line) => line.replace(/at=\d+:/u, "at:"))
    same(lines, ["from carol guest=yes seq=2 at: two", "from carol guest=yes seq=3 at: three"])
  }
)

check(
  "one's other devices, and oneself",
  [
    "A device skips what the account's other devices sent, unless it said `copies`; what an account writes to " +
      "itself goes to all of its devices.",
    "| `copies` | this device gets what the account's other devices send: `* sent bob seq=N at=MS: text` |"
  ],
  async (t) => {
    const server = await start(t, "alice", "bob")
    const laptop = await account(server, "alice")
    const [phone, tablet] = [await account(server, "alice/phone", "copies"), await account(server, "alice/tablet")]
    laptop.send("bob: hi", "alice: a note")
    const [sent, note] = await messages(phone, 2)
    hold(/^\* sent bob seq=1 at=\d+: hi$/u.test(sent ?? ""), "`* sent`", sent)
    equal(note, "from alice: a note")
    same(await messages(tablet, 1), ["from alice: a note"])
    same(await messages(laptop, 1), ["from alice: a note"])
  }
)

check(
  "a line with a label is stored once",
  [
    "| `once` | a line of this device is stored once, however often it is sent with its label |",
    "With `once`, the outcome of a line that had been stored before has `again=yes`, and its numbers are those of " +
      "the first time.",
    "The same label with another text is refused, `! label-used @k1 bob: …`, for each recipient that has a line " +
      "with this label, and is not stored there."
  ],
  async (t) => {
    const server = await start(t, "alice", "bob", "dana")
    const bob = await account(server, "bob")
    const first = await account(server, "alice", "once seq")
    first.send("@k1 bob: one")
    await outcomes(first, 1)
    first.reset()
    const alice = await account(server, "alice", "once seq")
    alice.send("@k1 bob: one", "@k1 dana, bob: two", "bob: three")
    const got = await outcomes(alice, 3)
    hold(
      got.some((line) => /^\* stored @k1 bob seq=1 at=\d+ again=yes: /u.test(line)),
      "`again=yes`",
      got
    )
    hold(
      got.some((line) => line.startsWith("! label-used @k1 bob: ")),
      "`! label-used`",
      got
    )
    hold(
      got.some((line) => /^\* stored @k1 dana seq=1 at=\d+: /u.test(line)),
      "`* stored @k1 dana`",
      got
    )
    same(await messages(bob, 2), ["from alice: one", "from alice: three"])
  }
)

check(
  "a sender learns how far an account was given its lines",
  [
    "| `receipts` | this client is told how far accounts were given what it sent: `* delivered bob seq=N: …` |",
    "More words may follow `/hello` (section 6):"
  ],
  async (t) => {
    const server = await start(t, "bob")
    const carol = await enter(server, "carol", "receipts")
    carol.send("bob: one", "bob: two")
    await carol.answers()
    await account(server, "bob")
    await carol.until("`* delivered`", () => carol.lines.find((line) => line.startsWith("* delivered bob seq=2: ")))
  }
)

check(
  "a client that only sends learns it, too, also when it sends a line again",
  [
    "With `receipts`, a client that only sends learns how far the lines of its connection were given, also those " +
      "that it has sent again."
  ],
  async (t) => {
    const server = await start(t, "alice", "bob")
    const send = async () => {
      const alice = await account(server, "alice/job", "send-only once receipts")
      alice.send("@k1 bob: one")
      return alice
    }
    const first = await send()
    await outcomes(first, 1)
    const bob = await account(server, "bob")
    await delivered(first)
    first.reset()
    await delivered(await send())
    same(await messages(bob, 1), ["from alice: one"])
  }
)

check(
  "`/accounts` shows which names are no guests'",
  [
    "| `/accounts NAME, NAME` | `* accounts N: NAME, …`: those of these names, at most 1,000, that belong to accounts;",
    "A guest may get a line twice if it is sent again; `/accounts` shows which recipients are accounts."
  ],
  async (t) => {
    const server = await start(t, "alice", "bob")
    await enter(server, "carol")
    const alice = await account(server, "alice")
    alice.send("/accounts carol, bob, nobody")
    const line = (await alice.answers()).find((one) => one.startsWith("* accounts "))
    hold(line?.startsWith("* accounts 1: bob") === true, "`* accounts`", line)
  }
)

check(
  "an account that reads nothing fills up, and holds nobody",
  [
    "A device that reads slowly holds nobody: it gets the lines when its queue has room.",
    "| `full` | 1,000 lines of this conversation wait for the account, none of which any of its devices was given, " +
      "or 16 MiB of all its conversations (4 MiB of guests' lines), where a line counts its text and 100 bytes; or " +
      "the line is a guest's, and far too much is kept |",
    "Lines to an account return for these reasons, besides those of section 3:"
  ],
  async (t) => {
    const server = await start(t, "bob")
    const [carol, dave] = [await enter(server, "carol"), await enter(server, "dave")]
    carol.send(...Array.from({ length: 1_001 }, (_, line) => `bob: ${line}`))
    await carol.until("`full`", () => carol.lines.find((line) => line.startsWith("! undelivered bob reason=full")))
    dave.send("@a bob: one more")
    hold((await outcomes(dave, 1))[0]?.startsWith("* stored @a bob: "), "another conversation", dave.lines)
    const bob = await account(server, "bob")
    await messages(bob, 1_001)
  }
)
