// PROTOCOL.md, section 3: messages and refused lines. Imported, not run.
import { equal, hold, same } from "../client.mjs"
import { fresh, section, timed } from "../suite.mjs"

const { all, check } = section("promises", "3. Messages", ["answers"])

export { all as messages }

const alone = "A refusal concerns one whole line: no recipient gets any of it, and the connection stays open."

/** Alice sends a line to Bob, who receives these texts. */
const arrives = async (t, body, ...texts) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}${body}`)
  await alice.answered()
  await bob.answered(...texts.map((text) => `from ${alice.name}: ${text}`))
}

/** Requires a line (a function of Bob's name) to be refused, and Bob to receive only the line after it. */
const refuses = async (t, lineTo, refusal) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.write(Buffer.concat([Buffer.from(lineTo(bob.name), "latin1"), Buffer.from(`\n${bob.name}: next\n`)]))
  await alice.answered(refusal)
  await bob.answered(`from ${alice.name}: next`)
}

const utf8 = (text) => Buffer.from(text).toString("latin1")

check("white space around names is dropped", "White space around names is dropped", (t) =>
  arrives(t, "\u3000 \t: hi", "hi")
)
check("empty names are ignored", "empty names are ignored", (t) => arrives(t, ",, \u00a0,: hi", "hi"))
check("a repeated name counts once", "and a repeated name counts once.", async (t) => {
  const [alice, eva] = await t.login("alice", "éva")
  alice.send(`${eva.name}, ${eva.name.normalize("NFD")} ,${eva.name}: hi`)
  await alice.answered()
  await eva.answered(`from ${alice.name}: hi`)
})
check("white space at both ends of a text is dropped", "White space at both ends of the text is dropped", (t) =>
  arrives(t, ": \t\u2003 hi  there\v\f \u2028", "hi  there")
)
check(
  "a text may contain the line ends of Unicode",
  "A text may contain U+2028 and U+2029, which some libraries take for the end of a line.",
  (t) => arrives(t, ": one\u2028! two\u2029* three", "one\u2028! two\u2029* three")
)
check("U+0085 is dropped, U+FEFF and U+200B are not", "so U+0085 is dropped and U+FEFF is not.", (t) =>
  arrives(t, ":\u0085\ufeff\u200bhi\u200b\ufeff\u0085", "\ufeff\u200bhi\u200b\ufeff")
)
check(
  "exactly the characters of White_Space are dropped",
  "the characters with Unicode's White_Space property",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const points = [0x20, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]
    for (let point = 0x09; point <= 0x0d; point++) if (point !== 0x0a) points.push(point)
    for (let point = 0x2000; point <= 0x200a; point++) points.push(point)
    const others = [0xad, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0x2800, 0x3164, 0xfeff]
    const lineOf = (point) => `${bob.name}:${String.fromCodePoint(point)}à${String.fromCodePoint(point)}`
    alice.send(...points.map(lineOf), ...others.map(lineOf))
    await alice.answered()
    const kept = others.map((point) => `${String.fromCodePoint(point)}à${String.fromCodePoint(point)}`)
    same(
      await bob.answers(),
      [...points.map(() => "à"), ...kept].map((text) => `from ${alice.name}: ${text}`)
    )
  },
  { needs: ["speed"] }
)
check("a text may be empty, and may contain colons", "The rest may be empty, and may contain `:`.", async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}:`, `${bob.name}: a: b:`)
  await alice.answered()
  await bob.answered(`from ${alice.name}: `, `from ${alice.name}: a: b:`)
})
check("each recipient gets the message", "Each recipient gets `from SENDER: text`.", async (t) => {
  const [alice, ...others] = await t.login("alice", "bob", "carol", "dave")
  alice.send(`${others.map(({ name }) => name).join(", ")}: hi`)
  await alice.answered()
  for (const other of others) await other.answered(`from ${alice.name}: hi`)
})
check("a client may write to itself", "A client may write to itself.", async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}, ${alice.name}: note`)
  await alice.answered(`from ${alice.name}: note`)
})

check(
  "messages to one recipient arrive in order",
  "Lines from one client to one recipient arrive in the order sent.",
  async (t) => {
    const [alice, bob, carol] = await t.login("alice", "bob", "carol")
    const texts = Array.from({ length: 3_000 }, (_, index) => `${index}`)
    for (const text of texts) alice.send(`${bob.name}${text % 3 === 0 ? `, ${carol.name}` : ""}: ${text}`)
    await alice.answered()
    equal(
      await bob.answers(),
      texts.map((text) => `from ${alice.name}: ${text}`)
    )
  },
  { needs: ["speed"] }
)

check(
  "two recipients get two senders' messages in the same order",
  "Two messages that both go to the same two recipients reach them in the same order, unless one of the senders was " +
    "held (section 4).",
  async (t) => {
    const [alice, bob, carol, dave] = await t.login("alice", "bob", "carol", "dave")
    for (let turn = 0; turn < 300; turn++) {
      alice.send(`${carol.name}, ${dave.name}: ${turn}`)
      bob.send(`${dave.name}, ${carol.name}: ${turn}`)
    }
    await alice.answered()
    await bob.answered()
    const [lines, others] = [await carol.answers(), await dave.answers()]
    equal(lines.length, 600)
    equal(lines, others)
  },
  { needs: ["speed", "same-order"] }
)

check(
  "an absent recipient is named",
  "no client with that name is present",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const [one, other] = [fresh("nobody"), fresh("nobody")]
    alice.send(`${one}, ${bob.name}, ${other}: hi`)
    await alice.answered(new RegExp(`^! undelivered ${one}, ${other} reason=offline: `, "u"))
    await bob.answered(`from ${alice.name}: hi`)
  },
  { needs: ["known-absent"] }
)

check(
  "a name that only looks the same is absent, and the present one is suggested",
  [
    "no client with that name is present",
    "If a present name looks the same as an absent one (section 2), `like=` has it, and the text suggests it: `Bob: " +
      "hi` gets `! undelivered Bob reason=offline like=bob: …` while `bob` is present.",
    "The line is still returned, since the two names may mean two people."
  ],
  async (t) => {
    const [alice, eva] = await t.login("alice", "éva")
    const [upper, wide] = [alice.name.toUpperCase(), eva.name.toUpperCase().normalize("NFD")]
    const nobody = fresh("nobody")
    alice.send(`${upper}: hi`, `${nobody}, ${wide}, ${eva.name}, ${upper}: hi`)
    await alice.answered(
      new RegExp(`^! undelivered ${upper} reason=offline like=${alice.name}: .*${alice.name}`, "u"),
      new RegExp(
        `^! undelivered ${nobody}, ${wide.normalize()}, ${upper} reason=offline like=${eva.name}\\+${alice.name}: ` +
          `.*${eva.name}`,
        "u"
      )
    )
    await eva.answered(`from ${alice.name}: hi`)
    eva.send("/quit")
    await eva.ends(/^\* bye /u)
    alice.send(`${wide}: hi`)
    await alice.answered(new RegExp(`^! undelivered ${wide.normalize()} reason=offline: `, "u"))
  },
  { needs: ["known-absent"] }
)

for (const [what, lineTo] of Object.entries({
  "no colon": () => "hello there",
  "an empty line": () => "",
  "white space": () => utf8(" \t\u3000"),
  "no recipient": () => ": hi",
  "no recipient but commas": () => " , ,,: hi",
  "a room without a text": () => "#room",
  "a server's mark without a colon": () => "!"
})) {
  check(`a bad line: ${what}`, "no `:` and not a command; no recipient", (t) => refuses(t, lineTo, /^! bad-line: /u))
}

for (const [what, bytes] of Object.entries({
  "a lone continuation": "\x80",
  "a lead without its rest": "a\xc3",
  "a lead before a letter": "\xe2\x82x",
  "a slash in two bytes": "\xc0\xaf",
  "NUL in two bytes": "\xc0\x80",
  "a character in a byte too many": "\xe0\x80\xaf",
  "a surrogate": "\xed\xa0\x80",
  "a pair of surrogates": "\xed\xa0\xbd\xed\xb8\x80",
  "above U+10FFFF": "\xf4\x90\x80\x80",
  "five bytes": "\xf8\x88\x80\x80\x80",
  "FE and FF": "\xfe\xff"
})) {
  check(
    `a bad line: not UTF-8, ${what}`,
    "not UTF-8",
    async (t) => {
      await refuses(t, (bob) => `${bob}: ${bytes}`, /^! bad-line: /u)
      await refuses(t, (bob) => `${bob}, ${bytes}: hi`, /^! bad-line: /u)
    },
    { needs: ["bytes"] }
  )
}

check(
  "a bad line: every control character except TAB",
  "a control character other than TAB (C0, DEL, C1)",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const points = Array.from({ length: 0xa0 }, (_, point) => point).filter(
      (point) => (point < 0x20 || point >= 0x7f) && point !== 0x09 && point !== 0x0a
    )
    alice.send(...points.map((point) => `${bob.name}: a${String.fromCodePoint(point)}b`), `${bob.name}: a\tb`)
    await alice.answered(...points.map(() => /^! bad-line: /u))
    await bob.answered(`from ${alice.name}: a\tb`)
  },
  { needs: ["speed"] }
)

check(
  "a bad line: a control character in a name or a command",
  "a control character other than TAB (C0, DEL, C1)",
  (t) =>
    Promise.all([
      refuses(t, (bob) => `${bob}, a\x07b: hi`, /^! bad-line: /u),
      refuses(t, () => "/ping \x1b[2J", /^! bad-line: /u)
    ])
)

check(
  "a control character that is white space may end a text",
  "White space is dropped before the check for control characters, so a control character that counts as white " +
    "space (U+0085, a second CR) may end a text.",
  (t) => arrives(t, ": hi\u0085\r\r", "hi")
)

check("a refused line reaches none of its recipients", alone, async (t) => {
  const [alice, bob, carol] = await t.login("alice", "bob", "carol")
  alice.send(`${bob.name}, ${carol.name}: a\0b`, `${bob.name}, ${carol.name}: fine`)
  await alice.answered(/^! bad-line: /u)
  for (const other of [bob, carol]) await other.answered(`from ${alice.name}: fine`)
})

check("an unknown command is reported by name", "`! unknown-command NAME: …`", async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/nosuch thing", "/WHO", "/__proto__", "/constructor x", "/")
  const codes = (await alice.answers()).map((line) => line.split(":")[0])
  equal(
    codes.slice(0, 4),
    ["nosuch", "WHO", "__proto__", "constructor"].map((name) => `! unknown-command ${name}`)
  )
  hold(/^! unknown-command ?$/u.test(codes[4]), "! unknown-command", codes[4])
})

check(
  "equal failures may share one reply, which counts them",
  [
    "Consecutive lines that get the same reply of this table may get it together, once; its last parameter is then " +
      "`count=N`, the number of these lines.",
    "Two `undelivered` replies are the same if they are about the same recipients and the same reason, `offline` or " +
      "`busy`."
  ],
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const [one, other] = [fresh("nobody"), fresh("nobody")]
    alice.send(
      ...Array(50).fill(`${one}: hi`),
      `${bob.name}: hi`,
      ...Array(30).fill(`${other}: hi`),
      ...Array(20).fill(`${one}: hi`)
    )
    const told = new Map()
    for (const answer of await alice.answers()) {
      const [, name, count = "1"] = /^! undelivered (\S+) reason=offline(?: count=(\d+))?: /u.exec(answer) ?? []
      told.set(name, (told.get(name) ?? 0) + Number(count))
    }
    equal(
      [...told],
      [
        [one, 70],
        [other, 30]
      ]
    )
    await bob.answered(`from ${alice.name}: hi`)
  },
  { needs: ["speed"] }
)

check(
  "equal mistakes may share one reply, which counts them",
  "Consecutive lines that get the same reply of this table may get it together, once; its last parameter is then " +
    "`count=N`, the number of these lines.",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const runs = [
      ["no colon", 50, /^! bad-line: /u],
      ["/nosuch", 30, /^! unknown-command nosuch: /u],
      ["/other", 2, /^! unknown-command other: /u],
      [":", 20, /^! bad-line: /u],
      [`${bob.name}: hi`, 1],
      [":", 3, /^! bad-line: /u]
    ]
    for (const [line, count] of runs) alice.send(...Array(count).fill(line))
    // The client unfolds a reply with a count.
    await alice.answered(...runs.flatMap(([, count, reply]) => (reply === undefined ? [] : Array(count).fill(reply))))
    await bob.answered(`from ${alice.name}: hi`)
  },
  { needs: ["speed"] }
)

check(
  "equal mistakes with labels have a reply each",
  "A labelled line (section 7) always gets its own reply.",
  async (t) => {
    const [alice] = await t.login("alice")
    alice.send("/hello")
    await alice.gets(/^\* hello /u)
    alice.send("no colon", "@k1 no colon", "@k2 no colon", "@k2 no colon", "no colon")
    const each = ["", " @k1", " @k2", " @k2", ""]
    const replies = (await alice.answers()).filter((line) => !/^\* (?:joined|left) /u.test(line))
    same(
      replies,
      each.map((label) => new RegExp(`^! bad-line${label}: `, "u"))
    )
  }
)

check(
  "lines over the rate are refused until the announced time",
  [
    "over the rate of the client or of its address, where one is set",
    "lines per second from one client",
    "wait that many milliseconds before sending it again."
  ],
  async (t) => {
    const server = await t.serve("--rate", "5")
    const alice = await server.connect()
    alice.send(fresh("alice"), "/hello", "/ping 3", "/ping 4", "/ping 5", "/ping 6")
    await alice.gets(/^\* hello .* rate=5[ :]/u, "* pong: 3", "* pong: 4", "* pong: 5")
    const [[, retry]] = await alice.gets(/^! slow-down retry=(\d+): /u)
    // The promise itself is about a time to wait.
    await new Promise((resolve) => setTimeout(resolve, Number(retry)))
    alice.send("/ping 6")
    await alice.gets("* pong: 6")
  },
  { needs: ["command"] }
)

check(
  "mistakes and lines that are too long count against the rate",
  [
    "Every line counts against the rates, whatever it is and whatever becomes of it",
    "Only a line that gets `slow-down`, and a valid `/ack`, do not count.",
    "Two `slow-down` replies are the same, and the `retry` of the last one holds."
  ],
  (t) =>
    // After 200 ms the server takes another line.
    timed(Array(8).fill(200), async (millis, stopwatch) => {
      const server = await t.serve("--rate", `${1000 / millis}`)
      const alice = await server.connect()
      const tooLong = "x".repeat(t.limits["max-line"] + 1)
      await stopwatch.within(async () => {
        alice.send(fresh("alice"), "@k1", "no colon", "@", tooLong, "@k1", tooLong, "/ping")
        await alice.gets(/^! bad-line: /u, /^! bad-line: /u, /^! bad-line: /u, /^! too-long /u)
        await alice.gets(/^! slow-down retry=/u, /^! slow-down retry=/u, /^! slow-down retry=/u)
      })
    }),
  { needs: ["command"] }
)

/** How many of 40 lines of a client are over a rate. */
const refusals = async (client) => {
  client.send(...Array(40).fill("/ping"))
  return (await client.takes(40)).filter((line) => /^! slow-down retry=\d+: /u.test(line)).length
}

check(
  "over the rate of an address the lines of all its clients are refused, and /hello announces the limit",
  [
    "over the rate of the client or of its address, where one is set",
    "lines per second from one address",
    "Limits that are set and that concern the client follow `max-name`: `rate` (lines per second) and, for its " +
      "address, `address-connections`, `address-connects` (per minute), `address-rate` (lines per second) and " +
      "`address-burst` (lines)."
  ],
  async (t) => {
    const connections = ["--max-connections-per-address", "60", "--connects-per-address", "7000"]
    const rates = ["--rate", "50", "--rate-per-address", "1", "--burst-per-address", "20"]
    const server = await t.serve("--limit-loopback", ...connections, ...rates)
    const alice = await server.connect()
    const bob = await server.connect()
    alice.send(fresh("alice"), "/hello")
    const limits = "rate=50 address-connections=60 address-connects=7000 address-rate=1 address-burst=20"
    await alice.gets(new RegExp(`^\\* hello .* max-name=\\d+ ${limits}[ :]`, "u"))
    // Each second, one more line is accepted.
    const [first, second] = [await refusals(alice), await refusals(bob)]
    hold(first >= 10 && first < 40, "at least 10 of 40 lines refused", `${first}`)
    hold(second >= first, "no more lines of the second client accepted", `${second} refused, after ${first}`)
  },
  { needs: ["command", "tcp"] }
)
