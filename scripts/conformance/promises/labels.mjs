// PROTOCOL.md, section 7: labels and outcomes. Imported, not run.
import { equal, hold, same } from "../client.mjs"
import { fresh, section } from "../suite.mjs"

const { all, check } = section("promises", "7. Labels and outcomes", ["answers"])

export { all as labels }

/** The answers, without notices about other clients. */
const answersOf = async (client) => (await client.answers()).filter((line) => !/^\* (?:joined|left) /u.test(line))

const one = "A labelled message gets exactly one outcome for every recipient, in no particular order"

check("a labelled message has one outcome per recipient", one, async (t) => {
  const [alice] = await t.greet("alice")
  const [bob, carol] = await t.login("bob", "carol")
  const [nobody, other] = [fresh("nobody"), fresh("nobody")]
  alice.send(`@k1 ${bob.name}, ${nobody}, ${carol.name}, ${other}, ${bob.name}: hi`)
  const outcomes = []
  while (outcomes.length < 4) {
    const line = await alice.line("an outcome")
    const written = /^\* written @k1 (\S+(?:, \S+)*): /u.exec(line)?.[1]
    const returned = /^! undelivered @k1 (\S+(?:, \S+)*) reason=offline: /u.exec(line)?.[1]
    hold(written ?? returned ?? /^\* (?:joined|left) /u.test(line), "an outcome", line)
    for (const name of (written ?? returned)?.split(", ") ?? []) outcomes.push(`${name} ${written === undefined}`)
  }
  equal(outcomes.toSorted(), [`${bob.name} false`, `${carol.name} false`, `${nobody} true`, `${other} true`].toSorted())
  same(await answersOf(alice), [])
  for (const recipient of [bob, carol]) await recipient.answered(`from ${alice.name}: hi`)
})

check("the delivered message has no label", "the kernel took all its bytes for these recipients", async (t) => {
  const [alice, bob] = await t.greet("alice", "bob")
  alice.send(`@k1 ${bob.name}: @k2 hi`)
  await alice.until("`* written`", () => alice.lines.find((line) => line.startsWith(`* written @k1 ${bob.name}: `)))
  same(
    (await bob.answers()).filter((line) => line.startsWith("from ")),
    [`from ${alice.name}: @k2 hi`]
  )
})

check(
  "a label may follow /hello at once, and an outcome may follow a /ping",
  [
    "A client that has sent `/hello` may put `@LABEL ` before any later line, without waiting for the `* hello`;",
    "after the replies to all earlier lines of this client, but not their outcomes"
  ],
  async (t) => {
    const alice = await t.connect()
    const [name, nobody] = [fresh("alice"), fresh("nobody")]
    alice.send("/hello", `@in ${name}`, "/hello", `@k1 ${name}, ${nobody}: hi`, "@k2 /ping")
    const wanted = [`! undelivered @k1 ${nobody} `, "* pong @k2:", `* written @k1 ${name}:`, `from ${name}: hi`]
    while (wanted.length > 0) {
      const line = await alice.line(wanted[0])
      hold(!line.startsWith("! bad-l"), "a label that is accepted", line)
      const at = wanted.findIndex((start) => line.startsWith(start))
      if (at >= 0) wanted.splice(at, 1)
    }
  }
)

check("a message to oneself has an outcome as well", one, async (t) => {
  const [alice] = await t.greet("alice")
  alice.send(`@k1 ${alice.name}: note`)
  await alice.until("`* written`", () => alice.lines.find((line) => line.startsWith(`* written @k1 ${alice.name}: `)))
  hold(alice.lines.includes(`from ${alice.name}: note`), "the message", alice.lines)
})

check(
  "every answer to a labelled line begins with the label",
  [
    "Every reply to that line has `@k1` as its first parameter.",
    "a label that the server repeats in every reply to this line"
  ],
  async (t) => {
    const [alice] = await t.greet("alice")
    const lines = ["/ping x", "/who", "/help", "/hello", "/nosuch", "bad", `a\0: b`, `${fresh("nobody")}: hi`]
    lines.push("", ": hi", "@k2 /ping x")
    alice.send(...lines.map((line, index) => `@k${index} ${line}`))
    const seen = new Set()
    for (const line of await answersOf(alice)) {
      const label = /^[!*] [a-z-]+ @k(\d+)(?: [^:]*)?:/u.exec(line)?.[1]
      hold(label !== undefined, "a label first", line)
      seen.add(Number(label))
    }
    equal([...seen], [...lines.keys()])
  },
  { needs: ["speed", "known-absent"] }
)

check(
  "a label has 1 to 32 allowed characters",
  "a label has 1 to 32 characters, each an ASCII letter, a digit, `_`, `-` or `.`",
  async (t) => {
    const [alice] = await t.greet("alice")
    const good = ["a", "A-b_c.9", "0", "_", "x".repeat(32)]
    const bad = ["", "x".repeat(33), "é", "a:b", "a,b", "a/b", "a=b", "@a", "a\t"]
    alice.send(...good.map((label) => `@${label} /ping`), ...bad.map((label) => `@${label} /ping`), "@k", "@")
    same(await answersOf(alice), [
      ...good.map((label) => new RegExp(`^\\* pong @${label.replaceAll(".", "\\.")}: ?$`, "u")),
      ...[...bad, "", ""].map(() => /^! bad-line: /u)
    ])
  },
  { needs: ["speed"] }
)

check(
  "a refused labelled line gets one answer and no outcome",
  "A labelled line that is refused gets its one `!` line, with the label, and no outcome.",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob] = await t.login("bob")
    const names = Array.from({ length: t.limits["max-recipients"] + 1 }, (_, index) => index.toString(36)).join(",")
    const long = `@k3 ${bob.name}: ${"x".repeat(t.limits["max-line"])}`
    alice.send(`@k1 ${bob.name}: a\0b`, "@k2 no colon", long)
    const expected = [/^! bad-line @k1: /u, /^! bad-line @k2: /u, /^! too-long @k3 max=\d+: /u]
    if (names.length + 8 < t.limits["max-line"]) {
      alice.send(`@k4 ${names}: hi`)
      expected.push(/^! too-many-recipients @k4 max=\d+: /u)
    }
    same(await answersOf(alice), expected)
    await bob.answered()
  }
)

check(
  "a refused login is answered with its label",
  "A labelled line that is refused gets its one `!` line, with the label",
  async (t) => {
    const [alice] = await t.login("alice")
    for (const [line, refusal] of [
      ["no name", /^! bad-login @k1 fatal: /u],
      [alice.name, new RegExp(`^! login-in-use @k1 ${alice.name} fatal: `, "u")]
    ]) {
      const client = await t.connect()
      client.send("/hello")
      await client.gets(/^\* hello /u)
      client.send(`@k1 ${line}`)
      await client.until("the end of the stream", () => client.ending)
      same(
        client.lines.filter((line) => line.startsWith("! ")),
        [refusal]
      )
    }
  }
)

check("/quit is answered with its label", "Every reply to that line has `@k1` as its first parameter.", async (t) => {
  const [alice] = await t.greet("alice")
  alice.send("@k1 /quit")
  await alice.until("the end of the stream", () => alice.ending)
  same(alice.lines.slice(-1), [/^\* bye @k1 reason=quit: /u])
})

check("labels need not be unique", "they need not be unique, and the server does not remember them.", async (t) => {
  const [alice] = await t.greet("alice")
  const nobody = fresh("nobody")
  alice.send(...Array(5).fill(`@k1 ${nobody}: hi`))
  const outcome = new RegExp(`^! undelivered @k1 ${nobody} reason=offline: `, "u")
  same(await answersOf(alice), Array(5).fill(outcome))
})

check(
  "lines without a label are silent on success",
  "A line without a label gets no reply if it succeeds.",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob] = await t.login("bob")
    alice.send(`${bob.name}: one`, `@k1 ${bob.name}: two`, `${bob.name}: three`)
    await alice.until("`* written`", () => alice.lines.find((line) => line.startsWith("* written @k1 ")))
    same(
      (await answersOf(alice)).filter((line) => !line.startsWith("* written @k1 ")),
      []
    )
    await bob.answered(...["one", "two", "three"].map((text) => `from ${alice.name}: ${text}`))
  }
)

const unlabelled =
  "An `@` that is not followed by a label, or that comes before `/hello`, gets `! bad-line` without a label; before " +
  "the login it is a bad login."

check("a label before /hello is a bad line", unlabelled, async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`@k1 ${bob.name}: hi`, "@k1 /ping")
  await alice.answered(/^! bad-line: /u, /^! bad-line: /u)
  await bob.answered()
})

check("an `@` before the login is a bad login", unlabelled, async (t) => {
  const client = await t.connect()
  client.send("@k1 /ping")
  await client.ends(/^! bad-login fatal: /u)
})

check(
  "thousands of labels have one outcome each",
  "Outcomes are never lost while the connection lives",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob] = await t.login("bob")
    const labels = Array.from({ length: 5_000 }, (_, index) => `k${index}`)
    alice.send(...labels.map((label) => `@${label} ${bob.name}: hi`))
    const written = []
    while (written.length < labels.length) {
      const line = await alice.line("an outcome")
      const label = new RegExp(`^\\* written @(\\S+) ${bob.name}: `, "u").exec(line)?.[1]
      if (label !== undefined) written.push(label)
    }
    equal(written, labels)
  },
  { needs: ["speed"] }
)
