// PROTOCOL.md, section 9: accounts. Imported, not run. Each check starts a server that keeps accounts in memory.
import { equal, Failure, hold, same } from "../client.mjs"
import { section } from "../suite.mjs"

const { all, check } = section("promises", "9. Accounts", ["command"])

export { all as accounts }

const password = "correct horse"

const open = (t, ...flags) => t.serve("--store", "memory", ...flags)

/** The lines that the client gets from here on until the server has answered these. */
const ask = async (client, ...lines) => {
  client.send(...lines)
  return client.answers()
}

/** A client that has sent these lines first, and got nothing. */
const login = async (t, ...lines) => {
  const client = await t.connect()
  const got = await ask(client, ...lines)
  equal(got.filter((line) => !line.startsWith("* hello ")).length, 0)
  return client
}

/** A client whose account is this name. */
const register = async (t, name = "alice") => {
  const client = await login(t, name)
  same(heads(await ask(client, `/register ${password}`)), [`* registered ${name}`])
  return client
}

const heads = (lines) => lines.map((line) => line.split(": ", 1)[0])

const refuses = async (t, line, refusal) => {
  const client = await t.connect()
  client.send(line)
  await client.ends(refusal)
}

const tokenOf = async (client, device) => {
  const [line = ""] = await ask(client, `/token ${device}`)
  const token = /^\* token \S+ (achat_[0-9a-f]{32}): /u.exec(line)?.[1]
  if (token === undefined) throw new Failure("a token", line)
  return token
}

const facts = async (client) => {
  const [hello = ""] = await ask(client, "/hello")
  return Object.fromEntries(Array.from(hello.matchAll(/ ([a-z-]+)=([^ :]+)/gu), ([, key, value]) => [key, value]))
}

check(
  "a name with an account takes a secret, and so do names that look the same",
  [
    "The name of an account belongs to its owner: only a client that proves to be the owner can log in under it, " +
      "and nobody can log in under a name that looks the same.",
    "A client without an account is a guest.",
    "NAME, or one that looks the same, belongs to an account;",
    "| `alice: SECRET` | the device `main` of the account `alice` |",
    "the guest's name is an account from now on, and this client is its device `main`",
    "A secret is a password or a token.",
    "| `! wrong-password fatal: …` | the secret is wrong; also, after the same time, when there is no account |",
    "A server with accounts also takes a name with a secret (section 9)."
  ],
  async (t) => {
    const server = await open(t)
    const alice = await register(server)
    equal((await facts(alice)).device, "main")
    await refuses(server, "alice", /^! password-required alice fatal: /u)
    await refuses(server, "ALICE", /^! password-required ALICE fatal: /u)
    await refuses(server, "alice: battery staple", /^! wrong-password fatal: /u)
    await refuses(server, `bob: ${password}`, /^! wrong-password fatal: /u)
    equal((await facts(await login(server, `alice: ${password}`))).device, "main")
    equal((await facts(await login(server, "bob"))).device, undefined)
  }
)

check(
  "hello says what there is",
  [
    "A server may have accounts (`--accounts`).",
    "All of this is off unless `* hello` has `accounts=open`, `accounts=closed` or `accounts=required`.",
    "It then also has `store=memory` or `store=disk`, which says whether accounts outlive the server; `log=ID`, " +
      "which changes when the server has begun from nothing; and, for a client of an account, `device=NAME`.",
    "a device or a secret where the server has no accounts; a device of a name without an account"
  ],
  async (t) => {
    const plain = await t.serve("--rooms", "off")
    const none = await facts(await login(plain, "alice"))
    same(
      ["store", "log", "accounts", "device"].filter((fact) => fact in none),
      []
    )
    await refuses(plain, "alice: hi there", /^! bad-login fatal: /u)
    await refuses(plain, "alice/phone", /^! bad-login fatal: /u)
    const [one, two] = [await open(t), await open(t, "--accounts", "closed")]
    const [first, second] = [await facts(await register(one)), await facts(await login(two, "alice"))]
    same([first.store, first.accounts, first.device], ["memory", "open", "main"])
    same([second.store, second.accounts, second.device], ["memory", "closed", undefined])
    equal(first.log !== second.log, true)
    await refuses(one, "carol/phone", /^! bad-login fatal: /u)
  }
)

check(
  "the forms of a login",
  [
    "The login takes one of these forms, with white space allowed around each part:",
    "her device `phone`; the name of a device has 1 to 32 ASCII letters, digits, `_`, `-` and `.`",
    "White space around it is dropped."
  ],
  async (t) => {
    const server = await open(t)
    await register(server)
    for (const device of ["phone", "A-b_c.9", "d".repeat(32)]) {
      equal((await facts(await login(server, ` alice / ${device} :  ${password} `))).device, device)
    }
    for (const device of ["", "d".repeat(33), "ä", "a b", "a/b"]) {
      await refuses(server, `alice/${device}: ${password}`, /^! bad-login fatal: /u)
    }
  }
)

check(
  "what a password is",
  "A password has 8 to 128 code points in NFC and no control character, and does not start with `achat_`.",
  async (t) => {
    const server = await open(t)
    const alice = await login(server, "alice")
    for (const bad of ["", "1234567", "x".repeat(129), "a\u0308".repeat(7), "achat_and more"]) {
      same(heads(await ask(alice, `/register ${bad}`)), ["! refused register reason=policy"])
    }
    same(heads(await ask(alice, "/register correct\u0007horse")), ["! bad-line"])
    same(heads(await ask(alice, `/register ${"a\u0308".repeat(128)}`)), ["* registered alice"])
    await login(server, `alice: ${"ä".repeat(128)}`)
  }
)

check(
  "a token is for one device, and replaces the one before",
  [
    "A token is `achat_` and 32 hexadecimal digits, and belongs to one device.",
    "the device logs in with this token from now on, and no longer with the one before",
    "`/password`, `/token`, or `/forget` of another device, by a client that did not log in with the password"
  ],
  async (t) => {
    const server = await open(t)
    const alice = await register(server)
    const first = await tokenOf(alice, "bot")
    await login(server, `alice/bot: ${first}`)
    await refuses(server, `alice: ${first}`, /^! wrong-password fatal: /u)
    const second = await tokenOf(alice, "bot")
    await refuses(server, `alice/bot: ${first}`, /^! wrong-password fatal: /u)
    const bot = await login(server, `alice/bot: ${second}`)
    same(heads(await ask(bot, "/token bot", "/forget main", "/password battery staple")), [
      "! refused token reason=token",
      "! refused forget reason=token",
      "! refused password reason=token"
    ])
  }
)

check(
  "wrong passwords make an address wait",
  [
    "After five wrong passwords for one account from one address, each further one makes that address wait longer: " +
      "1 s at first, 5 min at most.",
    "Nor does an address from which the account's password was right before, nor a client with a token or a " +
      "certificate.",
    "too many wrong passwords for this account from this address, or too many logins with passwords at once"
  ],
  async (t) => {
    const server = await open(t)
    const alice = await register(server)
    const guess = (refusal) => refuses(server, "bob: battery staple", refusal)
    let since
    for (let count = 0; count < 5; count++) {
      since = performance.now()
      await guess(/^! wrong-password fatal: /u)
    }
    // On a slow machine the time may have passed, and begins again, twice as long.
    for (let [wait, retry] = [1_000]; retry === undefined; wait *= 2) {
      const client = await server.connect()
      const sent = performance.now()
      client.send("bob: battery staple")
      const line = await client.line()
      retry = /^! slow-down retry=([1-9]\d*) fatal: /u.exec(line)?.[1]
      const isLate = line.startsWith("! wrong-password fatal: ") && performance.now() - since >= wait
      hold(isLate || Number(retry) <= wait, `! slow-down retry=1 to ${wait}`, line)
      since = sent
    }
    const token = await tokenOf(alice, "bot")
    await login(server, `alice/two: ${password}`)
    for (let count = 0; count < 7; count++) {
      await refuses(server, "alice: battery staple", /^! wrong-password fatal: /u)
    }
    await login(server, `alice/bot: ${token}`)
  }
)

check(
  "several devices are present at once under one name",
  [
    "Several devices of an account can be present at once.",
    "They have one name: a message to it reaches all of them, `* joined` announces the first of them, and `* left` " +
      "the last.",
    "If a device logs in again, its earlier connection ends with `! logged-out reason=replaced fatal: …`; lines " +
      "that the server had read from it are still delivered.",
    "the device has logged in again",
    "A client that only sends replaces nobody."
  ],
  async (t) => {
    const server = await open(t)
    const main = await register(server)
    const bob = await login(server, "bob")
    await ask(bob, "/hello")
    const phone = await login(server, `alice/phone: ${password}`)
    await login(server, "/hello send-only", `alice/phone: ${password}`)
    same(await ask(bob, "alice: to both", "/who"), ["* who 2: alice, bob"])
    equal(await phone.line(), "from bob: to both")
    equal(await main.line(), "from bob: to both")
    main.send("bob: last words")
    const again = await login(server, `alice: ${password}`)
    await main.ends(/^! logged-out reason=replaced fatal: /u)
    equal(await bob.line(), "from alice: last words")
    again.send("/quit")
    await again.gets(/^\* bye /u)
    phone.send("bob: still here")
    equal(await bob.line(), "from alice: still here")
    phone.destroy()
    await bob.gets(/^\* left alice: /u)
  }
)

check(
  "a changed password and a forgotten device log out",
  [
    "another device, or the operator, has changed the password",
    "the device was forgotten, by itself or by another one",
    "the account's other clients are logged out, and its N tokens still work",
    "the device is gone with its token, and its clients are logged out",
    "`* device NAME [here=yes] [token=yes] seen=MS: …` for each device, then `* end devices count=N: …`; `seen` is " +
      "since 1970"
  ],
  async (t) => {
    const server = await open(t)
    const main = await register(server)
    const token = await tokenOf(main, "bot")
    const [phone, bot] = [await login(server, `alice/phone: ${password}`), await login(server, `alice/bot: ${token}`)]
    const devices = heads(await ask(main, "/devices"))
    const shown = devices.map((line) => line.replace(/seen=1[5-9]\d{11}$/u, "seen=MS"))
    same(shown.toSorted(), [
      "* device bot here=yes token=yes seen=MS",
      "* device main here=yes seen=MS",
      "* device phone here=yes seen=MS",
      "* end devices count=3"
    ])
    same(heads(await ask(main, "/forget phone")), ["* forgot phone"])
    await phone.ends(/^! logged-out reason=forgotten fatal: /u)
    same(heads(await ask(main, "/password battery staple")), ["* password-changed tokens=1"])
    await bot.ends(/^! logged-out reason=password fatal: /u)
    const back = await login(server, `alice/bot: ${token}`)
    same(heads(await ask(main, "/forget bot")), ["* forgot bot"])
    await back.ends(/^! logged-out reason=forgotten fatal: /u)
    await refuses(server, `alice/bot: ${token}`, /^! wrong-password fatal: /u)
  }
)

check(
  "a device forgets itself with its token",
  [
    "A device can forget itself, also with its token: its client gets the reply, and is then logged out as well.",
    "What the device was given is not given to a later device again."
  ],
  async (t) => {
    const server = await open(t)
    const main = await register(server)
    const token = await tokenOf(main, "web")
    main.send("/quit")
    await main.until("the end of the stream", () => main.ending)
    const [web, other] = [await login(server, `alice/web: ${token}`), await login(server, "bob")]
    other.send("alice: read at the web")
    equal(await web.line(), "from bob: read at the web")
    await web.answers()
    web.send("/forget web", "/quit")
    await web.ends(/^\* forgot web: /u, /^! logged-out reason=forgotten fatal: /u)
    await refuses(server, `alice/web: ${token}`, /^! wrong-password fatal: /u)
    other.send("alice: later")
    await other.answers()
    const later = await server.connect()
    later.send(`alice/new: ${password}`)
    equal(await later.line(), "from bob: later")
    same(await later.answers(), [])
  }
)

check(
  "a command that does nothing says why",
  [
    "These commands do not work before the login:",
    "A command that does nothing is answered `! refused COMMAND reason=REASON [like=NAME] [retry=MS]: …`:",
    "| `login-first` | before the login |",
    "| `guest` | the command is for accounts |",
    "not allowed, or not allowed here; the text says why"
  ],
  async (t) => {
    const server = await open(t)
    const early = await server.connect()
    same(heads(await ask(early, "/devices", `/register ${password}`)), [
      "! refused devices reason=login-first",
      "! refused register reason=login-first"
    ])
    same(heads(await ask(early, "bob", "/devices", "/register short")), [
      "! refused devices reason=guest",
      "! refused register reason=policy"
    ])
  }
)

check(
  "closed, and for accounts only",
  [
    "With `--accounts closed` only the operator creates accounts, and with `--accounts required` there are no guests.",
    "| `! account-required fatal: …` | the server has no guests |"
  ],
  async (t) => {
    const closed = await open(t, "--accounts", "closed")
    same(heads(await ask(await login(closed, "alice"), `/register ${password}`)), ["! refused register reason=policy"])
    await refuses(await open(t, "--accounts", "required"), "alice", /^! account-required fatal: /u)
  }
)

check(
  "the number of an account's devices is limited",
  "all devices that the account may have (`--max-devices`, 20) are connected",
  async (t) => {
    const server = await open(t, "--max-devices", "2")
    await register(server)
    const one = await login(server, `alice/one: ${password}`)
    await refuses(server, `alice/two: ${password}`, /^! full retry=\d+ fatal: /u)
    one.send("/quit")
    await one.gets(/^\* bye /u)
    await login(server, `alice/two: ${password}`)
  }
)
