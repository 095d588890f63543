// PROTOCOL.md, section 6: commands and notices. Imported, not run.
import { equal, hold, same } from "../client.mjs"
import { flood, untilStalled } from "../flood.mjs"
import { fresh, section } from "../suite.mjs"

const { all, check } = section("promises", "6. Commands", ["answers"])

export { all as commands }

/** Without this one, no other check can run: most use a `/ping` as their barrier. */
const { all: answers, check: checkAnswers } = section("promises", "6. Commands")

export { answers }

checkAnswers("a server answers commands", "`* pong: text`", async (t) => {
  const client = await t.connect()
  client.send("/ping are you there?")
  await client.gets("* pong: are you there?")
})

/** The names that `/who` lists; requires every line to contain their total number. */
const who = async (client) => {
  client.send("/who")
  const lines = (await client.answers()).filter((line) => line.startsWith("* who "))
  const names = lines.flatMap((line) => line.slice(line.indexOf(": ") + 2).split(", "))
  for (const line of lines) equal(line.split(":")[0], `* who ${names.length}`)
  return names
}

check("commands work before the login", "Commands also work before the login.", async (t) => {
  const [alice] = await t.login("alice")
  const client = await t.connect()
  hold((await who(client)).includes(alice.name), `${alice.name} among the names`, "none")
  client.send("/nosuch", "/help", "/hello")
  // Other clients may join and leave after the /hello.
  const lines = (await client.answers()).filter((line) => !/^\* (?:joined|left) /u.test(line))
  same([lines[0], lines.at(-1)], [/^! unknown-command nosuch: /u, /^\* hello achat=1 max-line=/u])
})

check(
  "/who lists every client once",
  "one after another, until there are N names",
  async (t) => {
    const [alice, bob] = await t.login("alice", "bob")
    const names = await who(alice)
    equal(new Set(names).size, names.length)
    hold(names.includes(alice.name) && names.includes(bob.name), "both names", names)
    bob.send("/quit")
    await bob.ends(/^\* bye /u)
    hold(!(await who(alice)).includes(bob.name), "a list without the client that left", bob.name)
  },
  { needs: ["seen-leaving"] }
)

check(
  "/who lists many clients on several lines",
  "in as many lines as it takes, one after another, until there are N names",
  async (t) => {
    const server = await t.serve()
    const names = Array.from({ length: 150 }, () => fresh("somebody").padEnd(32, "."))
    await Promise.all(names.map((name) => server.loginAs(name)))
    equal((await who(await server.connect())).toSorted(), names.toSorted())
  },
  { needs: ["command"] }
)

check("/ping returns its text", "`* pong: text`", async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/ping", "/ping  a: b\tc ", "/ping 語à")
  await alice.gets(/^\* pong: ?$/u, "* pong: a: b\tc", "* pong: 語à")
})

check(
  "/ping is answered after all earlier lines",
  "after the replies to all earlier lines of this client, but not their outcomes",
  async (t) => {
    const [alice] = await t.login("alice")
    const nobody = fresh("nobody")
    for (let turn = 0; turn < 50; turn++) {
      alice.send(`${nobody}: hi`, "bad", `${nobody}: hi`, `/ping ${turn}`)
      await alice.gets(/^! undelivered /u, /^! bad-line: /u, /^! undelivered /u, `* pong: ${turn}`)
    }
  },
  { needs: ["speed", "known-absent"] }
)

check("/quit is answered with the last line", "`* bye reason=quit: …` as the last line", async (t) => {
  const [alice, bob] = await t.login("alice", "bob")
  alice.send(`${bob.name}: hi`, `${fresh("nobody")}: hi`, "/quit", `${bob.name}: too late`, "/ping")
  await alice.ends(/^! undelivered /u, /^\* bye reason=quit: /u)
  await bob.answered(`from ${alice.name}: hi`)
})

check("/quit before a login closes as well", "`* bye reason=quit: …` as the last line", async (t) => {
  const client = await t.connect()
  client.send("/quit")
  await client.ends(/^\* bye reason=quit: /u)
})

check("/help has several lines", "`* help: …`, several lines", async (t) => {
  const [alice] = await t.login("alice")
  alice.send("/help")
  const lines = await alice.answers()
  hold(lines.length > 1 && lines.every((line) => line.startsWith("* help: ")), "several `* help: …`", lines)
})

check(
  "/hello returns the name and the limits",
  "`* hello achat=1 [name=NAME] max-line=N max-recipients=N max-name=N [LIMIT=N …] [on=WORD[+WORD…]]: …`",
  async (t) => {
    const [alice] = await t.login("alice")
    alice.send("/hello")
    await alice.gets(
      new RegExp(
        `^\\* hello achat=1 name=${alice.name} max-line=\\d+ max-recipients=\\d+ max-name=\\d+( [a-z-]+=[^ :]+)*: `,
        "u"
      )
    )
  }
)

/** The messages to a client since its last answers. */
const heard = async (client) => (await client.answers()).filter((line) => line.startsWith("from "))

check(
  "/hello auto marks the messages of programs for programs",
  [
    "A program that answers messages says `auto`.",
    "A message from a client that said `auto` is `from NAME auto=yes: text` to those recipients that said it as " +
      "well, and `from NAME: text` to all others.",
    "A program does not answer messages with `auto=yes`, so that two programs never answer each other without end."
  ],
  async (t) => {
    const [bot, other, alice] = await t.login("bot", "other", "alice")
    const knows = (await wordsAfter(bot, "/hello auto")).includes("auto") // a server may know no words
    await wordsAfter(other, "/hello auto")
    bot.send(`${other.name}, ${alice.name}: one`, `${other.name}: two`)
    await bot.answers()
    alice.send(`${other.name}, ${bot.name}: three`)
    await alice.answered(`from ${bot.name}: one`)
    const mark = knows ? " auto=yes" : ""
    same(await heard(other), [
      `from ${bot.name}${mark}: one`,
      `from ${bot.name}${mark}: two`,
      `from ${alice.name}: three`
    ])
    same(await heard(bot), [`from ${alice.name}: three`])
  }
)

check(
  "/hello to lists the other recipients",
  [
    "A message to several recipients is `from NAME to=NAME[+NAME…]: text` to those recipients that said `to`: " +
      "`to=` lists the other recipients that are present, in the order of the address, but at most the first 20.",
    "Without `to`, and if there are no others, a recipient is not told who else got a message.",
    "A sender cannot keep the recipients of one message from learning of each other."
  ],
  async (t) => {
    const [alice, bob, carol, ...more] = await t.login(...Array.from({ length: 24 }, () => "n"))
    const knows = (await wordsAfter(bob, "/hello to")).includes("to") // a server may know no words
    await wordsAfter(more.at(-1), "/hello to")
    const nobody = fresh("nobody")
    const everyone = [carol, ...more, bob].map(({ name }) => name)
    alice.send(`${carol.name}, ${nobody}, ${bob.name}, ${alice.name}: one`, `${bob.name}, ${nobody}: two`)
    alice.send(`${everyone.join(",")}: all`)
    await alice.answers()
    const list = (names) => (knows ? ` to=${names.join("+")}` : "")
    const first = everyone.slice(0, 20)
    same(await heard(bob), [
      `from ${alice.name}${list([carol.name, alice.name])}: one`,
      `from ${alice.name}: two`,
      `from ${alice.name}${list(first)}: all`
    ])
    same(await heard(more.at(-1)), [`from ${alice.name}${list(first)}: all`])
    same(await heard(carol), [`from ${alice.name}: one`, `from ${alice.name}: all`])
  },
  { needs: ["known-absent"] }
)

check(
  "a client that only sends is given nothing and is not announced",
  [
    "this client gets no messages, and is not announced",
    "A client that says `send-only` before its login only sends, as a script does.",
    "`/who` does not list it, no notice is about it, and lines to its name are returned as if nobody had that name.",
    "After the login the word has no effect."
  ],
  async (t) => {
    const [watcher] = await t.greet("watcher")
    const [bob] = await t.login("bob")
    const script = await onlySending(t, fresh("script"))
    script.send(`${bob.name}: done`, `${script.name}: hi`)
    await bob.gets(`from ${script.name}: done`)
    while (!(await script.line()).startsWith(`! undelivered ${script.name} reason=offline: `));
    bob.send(`${script.name}: hi`)
    await bob.answered(new RegExp(`^! undelivered ${script.name} reason=offline: `, "u"))
    bob.send("/who")
    hold(!(await bob.answers()).join().includes(script.name), "a list without it", script.name)
    script.shut()
    equal(await wordsAfter(bob, "/hello send-only"), [])
    bob.send(`${bob.name}: still here`, "/quit")
    for (let line = ""; !line.startsWith(`* left ${bob.name}: `);) {
      line = await watcher.line()
      hold(!line.includes(script.name), "no notice about it", line)
    }
  }
)

check(
  "clients that only send share a name, and no other client has it",
  [
    "Several clients that only send may have one name at once.",
    "A login is refused as `login-in-use` if the name is not the same but looks so, or if one of the two clients " +
      "only sends and the other does not: nobody can pose as a client that is present."
  ],
  async (t) => {
    const [bob] = await t.login("bob")
    const name = fresh("script")
    const scripts = [await onlySending(t, name), await onlySending(t, name)]
    for (const script of scripts) {
      script.send(`${bob.name}: done`)
      await bob.gets(`from ${name}: done`)
    }
    for (const [login, words] of [
      [name, ""],
      [name.toUpperCase(), " send-only"],
      [bob.name, " send-only"],
      [bob.name.toUpperCase(), " send-only"]
    ]) {
      const other = await t.connect()
      other.send(`/hello${words}`, login)
      while (!(await other.line()).startsWith(`! login-in-use ${login} fatal: `));
      await other.ends()
    }
    scripts[0].send("/quit")
    while (!(await scripts[0].line()).startsWith("* bye "));
    scripts[1].send(`${bob.name}: more`)
    await bob.gets(`from ${name}: more`)
  },
  { needs: ["shared-name"] }
)

const onlySending = async (t, name) => {
  const client = await t.connect()
  client.send("/hello send-only", name)
  client.name = name
  hold(/^\* hello [^:]* on=send-only[ :]/u.test(await client.line()), "on=send-only", "another reply")
  return client
}

/** The words that are on, according to the reply to this `/hello`. */
const wordsAfter = async (client, hello) => {
  client.send(hello)
  const line = (await client.answers()).find((one) => one.startsWith("* hello ")) ?? ""
  return / on=([^ :]+)/u.exec(line)?.[1].split("+") ?? []
}

check(
  "words after /hello add up, and unknown ones are ignored",
  [
    "Words after `/hello`, separated by spaces or TABs, turn further features on.",
    "The server ignores words that it does not know.",
    "Words of several `/hello` add up, and none is ever turned off.",
    "They apply from the `* hello` on whose `on=` lists them: `on=` has all words that are on for this client."
  ],
  async (t) => {
    const [alice] = await t.login("alice")
    equal(await wordsAfter(alice, "/hello no-such-word"), [])
    const words = await wordsAfter(alice, "/hello no-such-word\tack  x")
    equal(words, words.length === 0 ? [] : ["ack"]) // a server may know no words
    equal(await wordsAfter(alice, "/hello"), words)
    equal(await wordsAfter(alice, "/hello ack no-such-word"), words)
  }
)

check(
  "after /hello a client is notified of joins and leaves",
  "After `/hello` the client also gets notices: `* joined NAME: …`, `* left NAME: …`",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob] = await t.login("bob")
    await until(alice, `* joined ${bob.name}: `)
    bob.shut()
    await until(alice, `* left ${bob.name}: `)
  }
)

check(
  "a client whose connection breaks is reported as left",
  "A client whose connection breaks has left.",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob] = await t.login("bob")
    await until(alice, `* joined ${bob.name}: `)
    bob.reset()
    await until(alice, `* left ${bob.name}: `)
  },
  { needs: ["tcp"] }
)

check(
  "many joins and leaves are each reported once",
  "When many clients come and go, notices are collected for up to a quarter of a second, and may come after a " +
    "`/who` that shows the same.",
  async (t) => {
    const [alice] = await t.greet("alice")
    const many = await t.login(...Array(30).fill("bob"))
    const joined = new Set()
    while (joined.size < many.length) {
      const name = /^\* joined (\S+): /u.exec(await alice.line())?.[1]
      if (!many.some((other) => other.name === name)) continue
      hold(!joined.has(name), "each once", name)
      joined.add(name)
    }
  }
)

check("a client gets no notice about itself", "no client gets one about itself", async (t) => {
  const alice = await t.connect()
  const name = fresh("alice")
  alice.send("/hello", name)
  const [bob] = await t.login("bob")
  await until(alice, `* joined ${bob.name}: `)
  alice.send("/quit")
  await alice.until("the end of the stream", () => alice.ending)
  hold(
    !alice.lines.some((line) => / (?:joined|left) /u.test(line) && line.includes(name)),
    "no notice about itself",
    name
  )
})

check(
  "a client whose queue is full misses notices, and /who shows what they would have",
  "A notice that finds the client's queue full is dropped",
  async (t) => {
    const [alice] = await t.greet("alice")
    const [bob, dave] = await t.login("bob", "dave")
    const [carol] = await t.greet("carol")
    alice.pause()
    // Bob is held until half of the queue is empty, and what is on the way takes some of it. Dave fills that.
    for (const sender of [bob, dave]) {
      flood(t, sender, `${alice.name}:`)
      await untilStalled(t, sender, carol)
    }
    const [late] = await t.login("late")
    await until(carol, `* joined ${late.name}: `) // notices are collected, and those to Alice come first
    alice.resume()
    await Promise.all([bob, dave].map((sender) => sender.answers(2 * t.patience)))
    alice.send("/who")
    const lines = await alice.answers(2 * t.patience)
    hold(!lines.some((line) => line.startsWith(`* joined ${late.name}: `)), "no notice", late.name)
    const names = lines.filter((line) => line.startsWith("* who ")).join()
    hold(names.includes(late.name), "its name", names)
  },
  { needs: ["speed", "seen-leaving"] }
)

check("without /hello a client gets no notices", "After `/hello` the client also gets notices", async (t) => {
  const [alice, watcher] = [...(await t.login("alice")), ...(await t.greet("watcher"))]
  const [bob] = await t.login("bob")
  bob.shut()
  await until(watcher, `* left ${bob.name}: `)
  await alice.answered()
})

check(
  "/hello after the login does not affect messages",
  "A client that does not know whether the server is an original a-chat sends `/hello` after its login, where an " +
    "original server ignores it, and labels only after the `* hello`.",
  async (t) => {
    const [alice, bob] = [...(await t.greet("alice")), ...(await t.login("bob"))]
    alice.send(`${bob.name}: hi`)
    await bob.gets(`from ${alice.name}: hi`)
  }
)

const until = async (client, start) => {
  for (;;) if ((await client.line(`${start}…`)).startsWith(start)) return
}
