// PROTOCOL.md, section 1: lines, the form of the server's lines, limits. Imported, not run.
import { equal, hold, same } from "../client.mjs"
import { fresh, section } from "../suite.mjs"

const { all, check } = section("promises", "1. Lines", ["answers"])

export { all as lines }

check("one CR before the LF is dropped", "one CR before the LF is dropped", async (t) => {
  const [bob] = await t.login("bob")
  const alice = await t.connect()
  const name = fresh("alice")
  alice.write(`${name}\r\n${bob.name}: hi\r\n/ping\r\n`)
  await alice.gets(/^\* pong: ?$/u)
  await bob.answered(`from ${name}: hi`)
})

check(
  "a line is split at its first colon",
  [
    "Lines in both directions have one shape, `head: body`, split at the first `:`.",
    "the recipients of a message: `bob, carol: hi`"
  ],
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    alice.send(`${bob.name}: ${alice.name}: hi`)
    await alice.answered()
    await bob.answered(`from ${alice.name}: ${alice.name}: hi`)
  }
)

check("a command needs no colon", "It needs no `:`", async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/ping", "/ping: with one")
  await alice.gets(/^\* pong: ?$/u, "* pong: with one")
})

check(
  "a text that looks like a server's line follows the sender's name",
  "Text that a user writes always follows `from NAME: `, so no user can forge a `!` or a `*` line.",
  async (t) => {
    const texts = ["! undelivered bob reason=offline: x", "* bye reason=quit: x", "from bob: x", "/quit", "@k1 x", "#x"]
    const [alice, bob] = await t.greet("alice", "bob")
    alice.send(...texts.map((text) => `${bob.name}: ${text}`))
    await alice.answers()
    const heard = (await bob.answers()).filter((line) => line.startsWith("from "))
    same(
      heard,
      texts.map((text) => `from ${alice.name}: ${text}`)
    )
  }
)

check(
  "no user can forge parameters of a message",
  [
    "For a client that asked for them with a word of `/hello` (section 6), params may follow the name: " +
      "`from bot auto=yes: hi`.",
    "A name contains no space, so no user can forge params."
  ],
  async (t) => {
    const [bob] = await t.greet("bob")
    bob.send("/hello auto")
    await bob.answers()
    const forger = await t.connect()
    forger.send(`${fresh("bot")} auto=yes`, `${bob.name}: hi`)
    await forger.ends(/^! bad-login fatal: /u)
    const [alice] = await t.login("alice")
    alice.send(`${bob.name}: auto=yes: hi`)
    await alice.answers()
    const heard = (await bob.answers()).filter((line) => line.startsWith("from "))
    same(heard, [`from ${alice.name}: auto=yes: hi`])
  }
)

check(
  "a client that sends only a login and messages sees only `from` and `!` lines",
  "A client that sends only a login and messages sees only `from` and `!` lines",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const carol = await t.connect()
    carol.name = fresh("carol")
    carol.send(carol.name, `${bob.name}, ${fresh("nobody")}: hi`, "no line")
    const [dave] = await t.login("dave")
    dave.send("/quit")
    alice.send(`${carol.name}: one`, `${bob.name}: two`)
    await alice.answered()
    carol.send(`${carol.name}: end`)
    const seen = []
    while (seen.at(-1) !== `from ${carol.name}: end`) seen.push(await carol.line())
    same(seen.toSorted(), [/^! bad-line: /u, /^! undelivered /u, `from ${alice.name}: one`, `from ${carol.name}: end`])
  }
)

check("params contain no colon, and the text follows one", "none of them contains a `:`", async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/no:such", "/hello", "/help", "/who", "no line", `${fresh("nobody")}, /x@y=z: hi`)
  for (const line of await alice.answers()) {
    hold(/^[!*] [a-z-]+(?: [^:]*)?: \S/u.test(line), "`! CODE params: text` or `* CODE params: text`", line)
  }
})

check(
  "a command that is called fatal does not look like the end of the connection",
  "A command `/fatal` that does not exist is therefore shown as `%66atal`.",
  async (t) => {
    const [alice] = await t.login("alice")
    alice.send("/fatal", "/fatal", "/Fatal")
    await alice.gets(...Array(2).fill(/^! unknown-command %66atal: /u), /^! unknown-command Fatal: /u)
  }
)

check(
  "lists of names can be split, whatever the names are",
  [
    "A list of names has `, ` between them, and `+` in a value.",
    "No name contains a space or one of `,:=@+`, so a client may split params at spaces and drop the commas."
  ],
  async (t) => {
    for (const mark of " ,:=@+") {
      const client = await t.connect()
      client.send(`a${mark}${fresh("a")}`)
      await client.ends(/^! bad-login fatal: /u)
    }
    const [alice, eva] = await t.login("alice", "eva")
    const [one, other] = [fresh("reason"), eva.name.toUpperCase()]
    alice.send(`${one}, ${other},${alice.name.toUpperCase()}: hi`)
    const [params] = (await alice.line()).split(":")
    equal(params.split(" ").slice(2), [
      `${one},`,
      `${other},`,
      alice.name.toUpperCase(),
      "reason=offline",
      `like=${eva.name}+${alice.name}`
    ])
  },
  { needs: ["known-absent"] }
)

check(
  "a name that could not be a login is cut, and then escaped as %XX",
  [
    "Names in params are in NFC.",
    "A name of more than 32 code points is cut to 32, with `…` for the rest; then each byte that no name may " +
      "contain is shown as `%XX`.",
    "So `@k1 a b: hi` gets `! undelivered @k1 a%20b reason=offline: …`."
  ],
  async (t) => {
    const [alice] = await t.login("alice")
    const eva = fresh("évä")
    alice.send(`${eva.normalize("NFD")}: hi`, `${"e\u0301 ".repeat(200)}: hi`)
    await alice.gets(
      new RegExp(`^! undelivered ${eva} reason=offline: `, "u"),
      new RegExp(`^! undelivered ${"é%20".repeat(16)}… reason=offline: `, "u")
    )
    const long = fresh("n").padEnd(32, "n")
    alice.send(`a b${long}: hi`, `😀${fresh("x")}: hi`, `${long}n: hi`, `${long}: hi`, `%=@${fresh("y")}: hi`)
    const shown = (await alice.answers()).map((line) => /^! undelivered (\S+) reason=offline: /u.exec(line)?.[1])
    equal(shown[0], `a%20b${long.slice(0, 29)}…`)
    hold(shown[1]?.startsWith("%F0%9F%98%80x-"), "%F0%9F%98%80x-…", shown[1])
    equal(shown.slice(2, 4), [`${long}…`, long])
    hold(shown[4]?.startsWith("%25%3D%40y-"), "%25%3D%40y-…", shown[4])
  },
  { needs: ["known-absent"] }
)

check(
  "many names are listed on several lines, each once",
  "A list that takes more than 4,096 bytes is continued in further lines with the same code.",
  async (t) => {
    const [alice] = await t.login("alice")
    const most = Math.min(t.limits["max-recipients"], Math.floor(t.limits["max-line"] / 34), 500)
    const names = Array.from({ length: most }, () => fresh("nobody").padEnd(32, "."))
    alice.send(`${names.join(", ")}: hi`)
    const lines = await alice.answers()
    const told = lines.flatMap((line) => /^! undelivered (.*) reason=offline: /u.exec(line)?.[1].split(", ") ?? [line])
    equal(told, names)
    hold(most < 500 || lines.length > 1, "several lines", lines)
  },
  { needs: ["known-absent"] }
)

/** The longest text that fits into a line to this recipient. */
const longest = (t, { name }) => "x".repeat(t.limits["max-line"] - `${name}: `.length)

check(
  "a line of the announced length is accepted, with LF or CRLF",
  "bytes in a line, without LF or CRLF",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const text = longest(t, bob)
    alice.write(`${bob.name}: ${text}\n${bob.name}: ${text}\r\n`)
    await alice.answered()
    await bob.answered(`from ${alice.name}: ${text}`, `from ${alice.name}: ${text}`)
  }
)

/** A name with as many bytes as the protocol allows, or nearly. */
const widest = () => {
  const end = fresh("_")
  return "𝒜".repeat(32 - end.length) + end
}

check(
  "the longest lines of the server have a bound",
  "No server line has more than `--max-line` and 8,192 bytes.",
  async (t) => {
    const clients = await Promise.all(Array.from({ length: 24 }, () => t.loginAs(widest())))
    const [alice, bob] = clients
    bob.send("/hello to auto")
    await bob.answers()
    alice.send("/hello auto")
    const names = clients.map(({ name }) => name).join(",")
    const text = "x".repeat(Math.max(1, t.limits["max-line"] - Buffer.byteLength(`${names}:`)))
    if (text.length > 1) alice.send(`${names}:${text}`)
    alice.send(`/ping ${"x".repeat(t.limits["max-line"] - 6)}`, `${names.replaceAll("_", "-")}: hi`, "/who")
    for (const line of [...(await alice.answers()), ...(await bob.answers())]) {
      const bytes = Buffer.byteLength(line)
      hold(bytes <= t.limits["max-line"] + 8192, `at most ${t.limits["max-line"] + 8192} bytes`, bytes)
    }
  }
)

check(
  "a line one byte longer is refused and skipped",
  "more than N bytes; the rest of the line is skipped and the connection stays open",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const text = longest(t, bob)
    alice.send(`${bob.name}: x${text}`, `${bob.name}: ${text.repeat(20)}`, `${bob.name}: hi`)
    const refusal = new RegExp(`^! too-long max=${t.limits["max-line"]}: `, "u")
    await alice.answered(refusal, refusal)
    await bob.answered(`from ${alice.name}: hi`)
  }
)

check("a line that is too long is refused before its end arrives", "bytes in a line, without LF or CRLF", async (t) => {
  const [alice] = await t.login("alice")
  alice.write("x".repeat(t.limits["max-line"] + 2))
  await alice.gets(/^! too-long /u)
  alice.write("x\n")
  await alice.answered()
})

check("the limit counts bytes, not characters", "bytes in a line, without LF or CRLF", async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  const text = "é".repeat(t.limits["max-line"] / 2)
  alice.send(`${bob.name}: ${text}`)
  await alice.answered(/^! too-long /u)
  await bob.answered()
})

check(
  "the announced number of recipients is accepted, and no more",
  ["different recipients in one line", "more than N different recipients"],
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const most = t.limits["max-recipients"]
    const names = [bob.name, ...Array.from({ length: most - 1 }, (_, index) => `${index.toString(36)}-`)]
    const line = `${names.join(",")},${bob.name},${bob.name}: hi`
    if (line.length + 8 > t.limits["max-line"]) return
    alice.send(line, `zz-zz,${line}`)
    const answers = await alice.answers()
    same(answers.slice(-1), [new RegExp(`^! too-many-recipients max=${most}: `, "u")])
    hold(
      answers.slice(0, -1).every((answer) => answer.startsWith("! undelivered ")),
      "only `undelivered` lines besides",
      answers
    )
    await bob.answered(`from ${alice.name}: hi`)
  },
  { needs: ["known-absent"] }
)

check("a name may have the announced number of code points, and no more", "code points in a name", async (t) => {
  const most = t.limits["max-name"]
  const name = `${"𝒜".repeat(3)}${fresh("n")}`
  const longest = name + "𝒜".repeat(most - [...name].length)
  await t.loginAs(longest)
  const client = await t.connect()
  client.send(`${longest}n`)
  await client.ends(/^! bad-login fatal: /u)
})
