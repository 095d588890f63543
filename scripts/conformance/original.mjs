// What the chat server of the async-std tutorial does, and its clients rely on. Where PROTOCOL.md answers and the
// original stays silent, both are accepted. Imported, not run.
import { equal, hold, same } from "./client.mjs"
import { fresh, section } from "./suite.mjs"

const { all, check } = section("original", "tutorial")

export { all as original }

// Sentences of the tutorial.
const answer = "Each of the specified clients then receives a `from login: message` message."
const separated = "The protocol consists of utf-8 messages, separated by `\\n`."
const first = "The client connects to the server and sends login as a first line."
const trimmed = "`line[idx + 1 ..].trim()`"
const kept = "if let Some(peer) = peers.get_mut(&addr)"
const skipped = "match line.find(':') { None => continue,"
const pending = "Deliver all pending messages"
const leaves = "if a peer closes connection to the chat, we should not try to send any more messages to it."
const errors = "A correct way to handle client errors in this case is log them, and continue serving other clients."

/** The lines that are not refusals: the original sends none. */
const heard = (lines) => lines.filter((line) => !line.startsWith("! "))

/** Alice sends a line, and Bob receives exactly these texts from her. */
const arrives = async (t, body, ...texts) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}${body}`)
  same(heard(await alice.echo()), [])
  same(
    await bob.echo(),
    texts.map((text) => `from ${alice.name}: ${text}`)
  )
}

/** Lines that reach no client are ignored or refused, and the next ones are delivered. */
const reachesNobody = async (t, ...lines) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(...lines, `${bob.name}: still here`)
  same(heard(await alice.echo()), [])
  same(await bob.echo(), [`from ${alice.name}: still here`])
}

check("a login is not answered", first, async (t) => {
  const [alice] = await t.login("alice")
  same(await alice.echo(), [])
})

check("the session of the tutorial", "A possible session might look like this", async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}: hello`)
  await bob.gets(`from ${alice.name}: hello`)
  bob.send(`${alice.name}, ${bob.name}: hi!`)
  await alice.gets(`from ${bob.name}: hi!`)
  await bob.gets(`from ${bob.name}: hi!`)
})

check("a message is `from NAME: TEXT` and LF, byte for byte", answer, (t) =>
  arrives(t, ": grüße €5 語 😀", "grüße €5 語 😀")
)
check("no space is needed after the colon", trimmed, (t) => arrives(t, ":hi", "hi"))
check("a text is trimmed at both ends", trimmed, (t) => arrives(t, ": \t hi  there \t ", "hi  there"))
check("Unicode white space is trimmed, and U+FEFF is kept", trimmed, (t) =>
  arrives(t, ":\u3000\u00a0\u2003\ufeffhi\ufeff\u0085\u2028 ", "\ufeffhi\ufeff")
)
check("a text may contain colons and commas", skipped, (t) => arrives(t, ": a: b, c:", "a: b, c:"))
check("a text may be empty", trimmed, (t) => arrives(t, ":", ""))
check("a TAB inside a text is kept", trimmed, (t) => arrives(t, ": a\tb", "a\tb"))
check("white space around a name is dropped", "`dest.split(',').map(|name| name.trim().to_string())`", (t) =>
  arrives(t, " \t: hi", "hi")
)
check("empty names are ignored", kept, (t) => arrives(t, ",, ,: hi", "hi"))
check("a text that looks like a server's line is only a text", answer, async (t) => {
  const texts = ["from bob: hi", "! undelivered", "* bye", "/quit", "@k1 x: y"]
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(...texts.map((text) => `${bob.name}: ${text}`))
  same(heard(await alice.echo()), [])
  same(
    await bob.echo(),
    texts.map((text) => `from ${alice.name}: ${text}`)
  )
})

check("each of several recipients gets the message", answer, async (t) => {
  const clients = await t.login("alice", "bob", "carol", "dave")
  const [alice, ...others] = clients
  alice.send(`${others.map(({ name }) => name).join(" ,\t")}: hi`)
  same(heard(await alice.echo()), [])
  for (const other of others) same(await other.echo(), [`from ${alice.name}: hi`])
})

check("a client may write to itself", "> alice, bob: hi!  < from bob: hi!", async (t) => {
  const [alice] = await t.login("alice")
  alice.send(`${alice.name}: note`)
  same(await alice.echo(), [`from ${alice.name}: note`])
})

check("names are case-sensitive", kept, (t) => reachesNobody(t, `${fresh("alice").toUpperCase()}: hi`))
check("an unknown recipient is ignored or reported", kept, (t) => reachesNobody(t, `${fresh("nobody")}: hi`))
check("an unknown recipient does not affect the others", kept, async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${fresh("nobody")}, ${bob.name}, ${fresh("nobody")}: hi`)
  same(heard(await alice.echo()), [])
  same(await bob.echo(), [`from ${alice.name}: hi`])
})
check("a line without a colon is ignored or refused", skipped, (t) => reachesNobody(t, "hello there"))
check("an empty line is ignored or refused", skipped, (t) => reachesNobody(t, "", " ", "\r"))
check("a line without a recipient is ignored or refused", kept, (t) => reachesNobody(t, ": hi", " , : hi"))
check("`/hello` after a login is ignored or answered", skipped, async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/hello")
  hold(
    (await alice.echo()).every((line) => /^\* (?:hello|joined|left) |^! /u.test(line)),
    "no line, or `* hello` and notices after it",
    "something else"
  )
})

check("CR LF ends a line like LF, also in the login", separated, async (t) => {
  const [bob] = await t.login("bob")
  const alice = await t.connect()
  alice.name = fresh("alice")
  alice.write(`${alice.name}\r\n${bob.name}: one\r\n${bob.name}: two\r\n`)
  same(heard(await alice.echo()), [])
  same(await bob.echo(), [`from ${alice.name}: one`, `from ${alice.name}: two`])
})

check("names may be in any script", separated, async (t) => {
  const [zoe, bob] = await t.login("Зоя", "हिन्दी")
  zoe.send(`${bob.name}: привет`)
  same(heard(await zoe.echo()), [])
  same(await bob.echo(), [`from ${zoe.name}: привет`])
})

check(
  "a stream may be split at any byte",
  separated,
  async (t) => {
    const [bob] = await t.login("bob")
    for (let cut = 1, length = Infinity; cut < length; cut++) {
      const zoe = await t.connect()
      const name = fresh("zoë")
      const bytes = Buffer.from(`${name}\r\n${bob.name}: ü€😀\n`)
      zoe.write(bytes.subarray(0, cut))
      // A round trip of another client in between, so that the parts arrive separately.
      same(await bob.echo(), [])
      zoe.write(bytes.subarray(cut))
      equal(await bob.line(), `from ${name}: ü€😀`)
      length = bytes.length
    }
  },
  { needs: ["speed"] }
)

check("a stream may arrive byte by byte", separated, async (t) => {
  const [bob] = await t.login("bob")
  const alice = await t.connect()
  alice.name = fresh("alice")
  for (const byte of Buffer.from(`${alice.name}\n${bob.name}: ü€😀\n`)) alice.write(Buffer.of(byte))
  same(heard(await alice.echo()), [])
  same(await bob.echo(), [`from ${alice.name}: ü€😀`])
})

check(
  "a thousand lines in one write arrive in order",
  answer,
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const texts = Array.from({ length: 1_000 }, (_, index) => `message ${index}`)
    alice.send(...texts.map((text) => `${bob.name}: ${text}`))
    same(heard(await alice.echo()), [])
    equal(
      await bob.echo(),
      texts.map((text) => `from ${alice.name}: ${text}`)
    )
  },
  { needs: ["speed"] }
)

check("a long text arrives whole", answer, (t) => {
  const text = "long ".repeat(Math.min(1_600, Math.floor(t.limits["max-line"] / 5) - 10)).trimEnd()
  return arrives(t, `: ${text}`, text)
})

check(
  "two recipients get two senders' messages in the same order",
  "we already have an unidirectional flow of messages: `reader -> broker -> writer`",
  async (t) => {
    const [alice, bob, carol, dave] = await t.login("alice", "bob", "carol", "dave")
    for (let turn = 0; turn < 100; turn++) {
      for (const sender of [alice, bob]) sender.send(`${carol.name}, ${dave.name}: ${turn}`)
    }
    for (const sender of [alice, bob]) same(heard(await sender.echo()), [])
    const [lines, others] = [await carol.echo(), await dave.echo()]
    equal(lines.length, 200)
    equal(lines, others)
  },
  { needs: ["speed", "same-order"] }
)

check(
  "what a client sends before it half-closes is delivered",
  pending,
  async (t) => {
    const [bob] = await t.login("bob")
    const alice = await t.connect()
    const name = fresh("alice")
    const texts = Array.from({ length: 1_000 }, (_, index) => `message ${index}`)
    alice.shut([name, ...texts.map((text) => `${bob.name}: ${text}`), ""].join("\n"))
    for (const text of texts) equal(await bob.line(), `from ${name}: ${text}`)
    same(await bob.echo(), [])
  },
  { needs: ["speed"] }
)

check("a last line without LF counts when the client half-closes", separated, async (t) => {
  const [bob] = await t.login("bob")
  const alice = await t.connect()
  const name = fresh("alice")
  alice.shut(`${name}\n${bob.name}: first\n${bob.name}: last`)
  await bob.gets(`from ${name}: first`, `from ${name}: last`)
  same(await bob.echo(), [])
})

check(
  "the server closes after a client has half-closed",
  "If the read side finishes we will notify the write side that it should stop as well.",
  async (t) => {
    const [alice] = await t.login("alice")
    alice.shut()
    await alice.ends()
  }
)

check(
  "a name is free again after its client has left",
  leaves,
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    alice.shut()
    await alice.ends()
    const again = await returns(t, alice.name)
    bob.send(`${again.name}: welcome back`)
    same(heard(await bob.echo()), [])
    same(await again.echo(), [`from ${bob.name}: welcome back`])
  },
  { needs: ["seen-leaving"] }
)

check("a client that left is no longer a recipient, and does not affect others", leaves, async (t) => {
  const [alice, bob, carol] = await t.login("alice", "bob", "carol")
  bob.shut()
  await bob.ends()
  alice.send(`${bob.name}, ${carol.name}: hi`)
  same(heard(await alice.echo()), [])
  same(await carol.echo(), [`from ${alice.name}: hi`])
})

check("clients that leave without a login do not affect others", errors, async (t) => {
  const [alice] = await t.login("alice")
  for (const leave of ["shut", "destroy", "shut", "destroy"]) (await t.connect())[leave]()
  same(await alice.echo(), [])
})

check(
  "clients whose connection breaks do not affect others",
  errors,
  async (t) => {
    const [alice, ...others] = await t.login("alice", "bob", "carol", "dave")
    for (const other of others) other.reset()
    ;(await t.connect()).reset()
    same(await alice.echo(), [])
  },
  { needs: ["tcp"] }
)

/**
 * Logs in with a name whose last owner has left. The original may still know the old client, and silently ignores a
 * second login with its name, so this retries until it works.
 */
const returns = async (t, name) => {
  for (const deadline = Date.now() + t.patience; ;) {
    const client = await t.connect()
    client.name = name
    client.send(name)
    const lines = await client.echo(Date.now() < deadline ? 200 : undefined).catch((error) => {
      if (Date.now() >= deadline) throw error
    })
    if (lines !== undefined) return client
    client.destroy()
  }
}
