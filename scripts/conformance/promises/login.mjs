// PROTOCOL.md, section 2: the login and its names. Imported, not run.
import { equal, Failure, hold, same } from "../client.mjs"
import { asRefused, fresh, section, timed } from "../suite.mjs"

const { all, check } = section("promises", "2. Login", ["answers"])

export { all as login }

const form =
  "A name has 1 to 32 code points: Unicode letters, marks, digits (Nd), `_`, `-` and `.`, starting with a letter, a " +
  "digit or `_`."

const isFree =
  "After refusing a login with `fatal` the server closes the connection and ignores everything that follows: the " +
  "next line of a script is not taken for another login."

/** The name that the server derives from a login line. */
const nameOf = async (t, line) => {
  const client = await t.connect()
  client.send(line, "/hello")
  const hello = await client.line()
  const name = /^\* hello achat=1 name=(\S+) /u.exec(hello)?.[1]
  if (name === undefined) throw new Failure(`a login with ${JSON.stringify(line)}`, hello)
  return name
}

const refuses = async (t, bytes, refusal = /^! bad-login fatal: /u) => {
  const client = await t.connect()
  client.write(bytes)
  await client.ends(refusal)
}

check(
  "the first line that is neither blank nor a command is the login",
  "The first line that is neither blank nor a command is the login: a name.",
  async (t) => {
    const [bob] = await t.login("bob")
    const alice = await t.connect()
    const name = fresh("alice")
    alice.send("/ping before", "/nosuch", "/help", name, `${bob.name}: hi`, "/ping after")
    const lines = []
    while (lines.at(-1) !== "* pong: after") lines.push(await alice.line())
    equal(lines[0], "* pong: before")
    await bob.answered(`from ${name}: hi`)
  }
)

check(
  "blank lines before the login are skipped",
  "Blank lines before the login are skipped: lines without a label that have nothing but white space.",
  async (t) => {
    const [bob] = await t.login("bob")
    const alice = await t.connect()
    const name = fresh("alice")
    alice.send("", "\r", " \t\u3000", "/ping before", "", name, `${bob.name}: hi`)
    await alice.gets("* pong: before")
    await bob.gets(`from ${name}: hi`)
  }
)

check("a label without a login is refused", "lines without a label that have nothing but white space.", async (t) => {
  const client = await t.connect()
  client.send("/hello", "@k1 ", fresh("alice"))
  while (!(await client.line()).startsWith("! bad-login @k1 fatal: "));
  await client.ends()
})

check(
  "telnet's commands before the login are skipped",
  "So are telnet's commands (RFC 854) at the start of a line before the login, of which the first byte is 255; " +
    "where that byte comes later, the text of the refusal says so.",
  async (t) => {
    const [bob] = await t.login("bob")
    const negotiation = Buffer.from([255, 251, 31, 255, 253, 3, 255, 241, 255, 250, 24, 0, 255, 255, 120, 255, 240])
    for (const before of ["", "\n", "/ping first\n"]) {
      const alice = await t.connect()
      const name = fresh("alice")
      alice.write(Buffer.concat([negotiation, Buffer.from(`${before}${name}\n${bob.name}: hi\n`)]))
      await alice.answered(...(before.startsWith("/") ? ["* pong: first"] : []))
      await bob.gets(`from ${name}: hi`)
    }
    for (const bytes of [
      [97, 255, 253, 3],
      [255, 253],
      [255, 250, 24, 0],
      [255, 239]
    ]) {
      await refuses(t, Buffer.from([...bytes, 10]), /^! bad-login fatal: .*telnet/u)
    }
  },
  { needs: ["bytes"] }
)

check(
  "a good login is not answered, and /hello shows it",
  "A successful login gets no reply, but from then on `* hello` has `name=` (section 6).",
  async (t) => {
    const alice = await t.connect()
    const name = fresh("alice")
    alice.send("/hello", name, "/hello")
    const hellos = (await alice.answers()).filter((line) => !/^\* (?:joined|left) /u.test(line))
    same(hellos, [/^\* hello achat=1 max-line=/u, new RegExp(`^\\* hello achat=1 name=${name} max-line=`, "u")])
  }
)

check(
  "a login that is over the rate is still to come",
  "the login is over a rate (section 3); the login is still to come",
  async (t) => {
    const server = await t.serve("--rate", "1")
    const alice = await server.connect()
    const name = fresh("alice")
    alice.send("/ping", name)
    const [, [, retry]] = await alice.gets(/^\* pong: ?$/u, /^! slow-down retry=(\d+): /u)
    await new Promise((resolve) => setTimeout(resolve, Number(retry) + 1)) // Node's timers may be a millisecond early
    alice.send(name)
    // The next line is in time only a second after the server has read the last one.
    for (const deadline = Date.now() + t.patience + 1000; ;) {
      await new Promise((resolve) => setTimeout(resolve, 1001))
      alice.send("/hello")
      const line = await alice.line()
      if (line.startsWith("! slow-down ") && Date.now() < deadline) continue
      hold(line.startsWith(`* hello achat=1 name=${name} `), "`* hello` with the name", line)
      return
    }
  },
  { needs: ["command"] }
)

check(
  "`name: secret` is no login of a guest",
  "A server with accounts also takes a name with a secret (section 9).",
  (t) => refuses(t, `${fresh("alice")}: secret\n`, /^! (?:bad-login|wrong-password|tls-required) fatal: /u)
)

for (const [what, base] of Object.entries({
  "letters, digits and marks of ASCII": "Bob_7.x",
  "a digit first": "7up",
  "an underscore first": "_bob",
  Cyrillic: "Зоя",
  "letters that need marks": "हिन्दी",
  "digits of another script": "क१",
  "letters beyond the first plane": "𝒜lice",
  "a property of every object": "__proto__",
  "another property of every object": "constructor"
})) {
  check(`a name may be: ${what}`, form, async (t) => {
    const name = fresh(base)
    equal(await nameOf(t, name), name)
  })
}

check("properties of every object are valid names, or in use", form, async (t) => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const client = await t.connect()
    client.send(name, "/hello")
    await client.gets(new RegExp(`^(?:\\* hello achat=1 name=${name} |! login-in-use ${name} fatal: )`, "u"))
  }
})

for (const [what, name] of Object.entries({
  "a hyphen first": "-bob",
  "a dot first": ".bob",
  "a mark first": "\u0301bob",
  "a blank inside": "al ice",
  "a no-break space inside": "al\u00a0ice",
  "a comma": "a,b",
  "an at sign": "@bob",
  "a number sign": "#room",
  "an exclamation mark": "!",
  "an asterisk": "*",
  "an emoji": "😀",
  "a superscript digit": "a²",
  "a roman numeral": "Ⅷ",
  "a control character": "a\u0007b",
  DEL: "a\u007f",
  C1: "a\u009bb",
  "a zero-width space": "a\u200bb",
  "a zero-width joiner": "a\u200db",
  "a right-to-left override": "a\u202eb",
  "an isolate": "a\u2066b",
  "a soft hyphen": "a\u00adb",
  "a byte order mark": "\ufeffalice",
  "U+0000": "a\0b",
  "a private-use character": "a\ue000"
})) {
  check(`a name is not: ${what}`, form, (t) => refuses(t, `${name}\n`))
}

check(
  "a name is UTF-8",
  "`! bad-login fatal: …`",
  async (t) => {
    // A lone continuation, a lead without its rest, an overlong slash, a surrogate, a code point above 10FFFF, no lead.
    for (const bytes of [
      [0x80],
      [0xc3],
      [0xe2, 0x82],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff]
    ]) {
      await refuses(t, Buffer.from([0x61, ...bytes, 0x0a]))
    }
  },
  { needs: ["bytes"] }
)

check(
  "white space around a name is dropped",
  "White space around it is dropped, and it is normalized to NFC.",
  async (t) => {
    const name = fresh("alice")
    equal(await nameOf(t, `\u00a0 ${name} \u3000\u0085`), name)
  }
)

check("a name is normalised to NFC", "White space around it is dropped, and it is normalized to NFC.", async (t) => {
  const name = fresh("éva")
  equal(await nameOf(t, name.normalize("NFD")), name)
})

check("a name needs a visible character", "A name without any visible character is not valid.", async (t) => {
  for (const name of ["\u115f\u1160", "\u3164", "\uffa0"]) await refuses(t, `${name}\n`)
})

check(
  "a message reaches the same name in any Unicode form",
  "A message reaches the client whose name is identical after NFC.",
  async (t) => {
    const [alice, eva] = await t.login("alice", "éva")
    alice.send(`${eva.name.normalize("NFD")}: hi`, `${eva.name.toUpperCase()}: no`)
    await alice.answered(/^! undelivered \S+ reason=offline(?: like=\S+)?: /u)
    await eva.answered(`from ${alice.name}: hi`)
  }
)

for (const [what, one, other] of [
  ["case", "alice", "aLICE"],
  ["full width", "alice", "ａｌｉｃｅ"],
  ["mathematical letters", "alice", "𝒜𝓁𝒾𝒸ℯ"],
  ["ligatures", "fish", "ﬁsh"],
  ["sharp s", "STRASSE", "straße"],
  ["final sigma", "ΣΑΣ", "σας"],
  ["an invisible letter", "alice", "al\u115fice"],
  ["a variation selector", "alice", "alice\ufe0f"],
  ["decomposition and case", "éva", "E\u0301VA"]
]) {
  check(
    `no client can imitate another's name by ${what}`,
    [
      "A login is refused if it looks the same as a name that is present",
      "So nobody can pose as `Alice` while `alice` is present."
    ],
    async (t) => {
      const first = fresh(one)
      const second = other + first.slice(one.length)
      await t.loginAs(first)
      await refuses(t, `${second}\n`, /^! login-in-use \S+ fatal: /u)
    }
  )
}

check("a name in use is refused, with that name", "`! login-in-use NAME fatal: …`", async (t) => {
  const [alice] = await t.login("alice")
  await refuses(t, `${alice.name}\n`, new RegExp(`^! login-in-use ${alice.name} fatal: `, "u"))
  alice.send(`${alice.name}: still me`)
  await alice.answered(`from ${alice.name}: still me`)
})

check(
  "of many simultaneous logins with one name, one succeeds",
  "the name, or one that looks the same, is present",
  async (t) => {
    const name = fresh("alice")
    const clients = await Promise.all(Array.from({ length: 20 }, () => t.connect()))
    for (const client of clients) client.send(name, "/ping")
    const lines = await Promise.all(clients.map((client) => client.line()))
    const refused = lines.filter((line) => line.startsWith(`! login-in-use ${name} fatal: `))
    equal([refused.length, lines.length], [19, 20])
  }
)

check(
  "a line that is too long before the login is a bad login",
  ["any line before the login that is too long (section 1)", isFree],
  async (t) => {
    for (const before of ["", "/hello\n"]) {
      const name = fresh("alice")
      const script = await t.connect()
      script.write(`${before}${"x".repeat(t.limits["max-line"] + 1)}\n${name}\n${name}: hi\n`)
      // After /hello, notices about the clients of other checks may come first.
      while (!(await script.line()).startsWith("! bad-login fatal: "))
        hold(before !== "", "! bad-login fatal: …", "a notice")
      await script.ends()
      await t.loginAs(name)
    }
  }
)

check("lines after a refused login are ignored", isFree, async (t) => {
  const [bob] = await t.login("bob")
  const name = fresh("alice")
  const script = await t.connect()
  script.send("no name", name, `${bob.name}: hi`, "/quit")
  await script.ends(/^! bad-login fatal: /u)
  await bob.answered()
  await t.loginAs(name)
})

check(
  "a client that does not log in is refused and closed",
  "`! login-timeout fatal: …`",
  (t) =>
    timed([1_000, 4_000, 16_000], async (millis, stopwatch) => {
      const server = await t.serve("--login-timeout", `${millis}ms`)
      const [alice] = await stopwatch.within(() => server.login("alice"))
      const silent = await server.connect()
      const talking = await stopwatch.within(async () => {
        const client = await server.connect()
        client.send("/ping")
        await client.gets(/^\* pong: ?$/u)
        return client
      })
      for (const client of [silent, talking]) {
        await client.until("the end of the stream", () => client.ending, millis + t.patience)
        await client.ends(/^! login-timeout fatal: /u)
      }
      await alice.answered()
    }),
  { needs: ["command"] }
)

check(
  "a login that comes byte by byte has no more time than another",
  ["the client did not log in in time", "time from accept to login"],
  async (t) => {
    const server = await t.serve("--login-timeout", "1s")
    const client = await server.connect()
    const dribble = setInterval(() => client.write("a"), 100)
    await client.ends(/^! login-timeout fatal: /u).finally(() => clearInterval(dribble))
  },
  { needs: ["command"] }
)

for (const [what, ...flags] of [
  ["the server", "--max-connections", "2"],
  ["an address", "--limit-loopback", "--max-connections-per-address", "2"]
]) {
  check(
    `when ${what} has reached its limit of connections, the next one is refused`,
    ["the server, or the client's address, has reached its limit of connections", "connections from one address"],
    async (t) => {
      const server = await t.serve(...flags)
      const [alice] = await whenThereIsRoom(server, "alice")
      const [bob] = await whenThereIsRoom(server, "bob")
      await asRefused(async () => (await server.connect()).ends(/^! full retry=\d+ fatal: /u))
      bob.send("/quit")
      await bob.ends(/^\* bye /u)
      alice.send(`${alice.name}: still here`)
      await alice.answered(`from ${alice.name}: still here`)
      await whenThereIsRoom(server, "carol")
    },
    { needs: ["command"] }
  )
}

check(
  "an address with too many new connections is refused until the announced time",
  [
    "or of new connections",
    "new connections per minute, per address",
    "wait that many milliseconds before sending it again."
  ],
  async (t) => {
    const server = await t.serve("--limit-loopback", "--connects-per-address", "60")
    let retry
    // The exact number is not checked: the suite itself has connected before.
    for (let tries = 0; retry === undefined && tries < 1000; tries++) {
      retry = await asRefused(async () => {
        const client = await server.connect()
        client.send("/ping")
        const line = await client.line()
        if (line === "* pong: ") client.shut()
        return /^! full retry=(\d+) fatal: /u.exec(line)?.[1]
      })
    }
    hold(Number(retry) <= 1000, "a refusal, and a place every second", `retry=${retry}`)
    // The promise itself is about a time to wait.
    await new Promise((resolve) => setTimeout(resolve, Number(retry)))
    await server.login("alice")
  },
  { needs: ["command", "tcp"] }
)

check(
  "clients on the server's own machine have no limits per address",
  "Limits per address do not apply to Unix sockets, nor to clients on the server's own machine unless " +
    "`--limit-loopback` is set.",
  async (t) => {
    const connections = ["--max-connections-per-address", "1", "--connects-per-address", "1"]
    const server = await t.serve(...connections, "--rate-per-address", "1", "--burst-per-address", "1")
    for (const base of ["alice", "bob", "carol"]) await server.login(base)
  },
  { needs: ["command"] }
)

/** A place becomes free some time after its client has gone; the first was taken by the suite's own test connection. */
const whenThereIsRoom = async (server, base) => {
  for (const deadline = Date.now() + server.patience; ;) {
    try {
      return await server.login(base)
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}
