// PROTOCOL.md, sections 11 and 12: rooms, and what is kept. Imported, not run. Each check starts a server with accounts in memory, or without any.
import { equal, hold, same } from "../client.mjs"
import { section } from "../suite.mjs"

const { all, check } = section("rooms", "11. Rooms", ["command"])

export { all as rooms }

const password = "correct horse"

/** What clients have got and `ask` has taken. */
const taken = new WeakMap()

/** Everything that a client has got. */
const seen = (client) => [...(taken.get(client) ?? []), ...client.lines]

/** Sends lines, and returns what the client gets until the server has answered them, but not who has come and gone. */
const ask = async (client, ...lines) => {
  client.send(...lines)
  const got = await client.answers()
  taken.set(client, [...(taken.get(client) ?? []), ...got])
  return got.filter((line) => !/^\* (?:joined |left [^#@])/u.test(line))
}

/** The lines without the text for people, and without times. */
const heads = (lines) => lines.map((line) => line.split(": ", 1)[0].replace(/ at=\d+$/u, ""))

/** A guest, after these words of `/hello`. */
const guest = async (server, name, words = "") => {
  const client = await server.connect()
  await ask(client, `/hello ${words}`, name)
  return client
}

/** A server on which these names have accounts. */
const start = async (t, names, ...flags) => {
  const server = await t.serve("--store", "memory", ...flags)
  for (const name of names) {
    const client = await guest(server, name)
    await ask(client, `/register ${password}`)
    await quit(client)
  }
  return server
}

/** Leaves the server. */
const quit = async (client) => {
  client.send("/quit")
  await gets(client, "* bye ")
}

/** A device of an account. */
const account = (server, who, words) => guest(server, `${who}: ${password}`, words)

/** Waits for a line that begins so, and returns the first. */
const gets = (client, begin) => client.until(begin, () => seen(client).find((line) => line.startsWith(begin)))

/** Waits for messages, and returns all that came, without their times. */
const messages = async (client, count) => {
  const found = () => seen(client).filter((line) => /^(?:from|\* sent) /u.test(line))
  const lines = await client.until(`${count} messages`, () => (found().length >= count ? found() : undefined))
  return lines.map((line) => line.replace(/ at=\d+:/u, ":"))
}

check(
  "a line to a room is stored, and reaches its members",
  [
    "A line to a room reaches all who are in it: `#ops: done`, or `bob, #ops: done`.",
    "It is stored like a line to an account (section 10), and then given to the members.",
    "They get `from alice #ops: done`; the client that sent it does not.",
    "a message as well, to a room: `#ops: hi` (section 11)",
    "| `/join #ROOM` | `* room #ROOM members=N last=SEQ [locked=yes] [owner=NAME]: TOPIC`; creates the room if it does not exist |",
    "The account that creates a room owns it.",
    "Each member gets the lines that are stored after it joined, and all members get them in the same order."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, bob] = [await account(server, "alice", "seq"), await account(server, "bob", "seq")]
    const [carol, dave] = [await guest(server, "carol"), await guest(server, "dave")]
    same(heads(await ask(alice, "@1 /join #ops")), ["* room @1 #ops members=1 last=0 owner=alice"])
    same(heads(await ask(carol, "/join #ops")), ["* room #ops members=2 last=0 owner=alice"])
    alice.send("@2 #ops: one", "@3 carol, #ops: two")
    await gets(alice, "* stored @3 #ops seq=2 at=")
    same(heads(await ask(bob, "/join #ops")), ["* room #ops members=3 last=2 owner=alice"])
    carol.send("#ops: three", "#ops: four")
    same(await messages(bob, 2), ["from carol #ops guest=yes seq=3: three", "from carol #ops guest=yes seq=4: four"])
    same(
      (await messages(carol, 3)).toSorted(),
      ["from alice #ops: one", "from alice #ops: two", "from alice: two"].toSorted()
    )
    equal((await messages(alice, 2)).length, 2)
    equal((await ask(dave)).filter((line) => line.startsWith("from ")).length, 0)
  }
)

check(
  "members and their places",
  [
    "An account is a member until it leaves, also while it is away.",
    "A guest is one while it is connected and has no account; it joins again after each login.",
    "A guest that registers stays in its rooms, where its account is a member from then on.",
    "A device of an account has a place in a room as in any conversation: when it connects, it gets what it missed.",
    "| `/members #ROOM` | `* members #ROOM N here=M: alice, bob, …`, the M present ones first, in as many lines as it takes; then `* end members #ROOM: …` |",
    "| `/rooms` | the same as for `/join`, with `in=yes` where the client is in it, for each room that it is in or may enter; then `* end rooms count=N: …` |"
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, bob] = [await account(server, "alice"), await account(server, "bob")]
    const carol = await guest(server, "carol")
    await ask(alice, "/join #ops")
    await ask(bob, "/join #ops", "/join #dev")
    await ask(carol, "/join #ops")
    await quit(carol)
    await quit(bob)
    await gets(alice, "* left #ops carol: ")
    await gets(alice, "* left bob: ")
    const [members] = (await ask(alice, "/members #ops")).filter((line) => line.startsWith("* members "))
    equal(members, "* members #ops 2 here=1: alice, bob")
    same(
      heads(await ask(alice, "/rooms")).filter((line) => /^\* (?:room|end) /u.test(line)),
      [
        "* room #ops members=2 last=0 in=yes owner=alice",
        "* room #dev members=1 last=0 owner=bob",
        "* end rooms count=2"
      ]
    )
    await ask(alice, "#ops: while you were away")
    same(await messages(await account(server, "bob"), 1), ["from alice #ops: while you were away"])
    const again = await guest(server, "carol")
    again.send("#ops: hi")
    await gets(again, "! undelivered #ops reason=not-member: ")
    const dave = await guest(server, "dave")
    await ask(dave, "/join #ops", `/register ${password}`)
    await gets(dave, "* registered dave: ")
    dave.send("#ops: hi")
    await gets(alice, "from dave #ops: hi")
    await quit(dave)
    await gets(alice, "* left dave: ")
    const [all] = (await ask(alice, "/members #ops")).filter((line) => line.startsWith("* members "))
    equal(all, "* members #ops 3 here=2: alice, bob, dave")
  }
)

check(
  "rooms without a store, and who may write to them",
  [
    "Then `* hello` has `rooms=open`, `rooms=accounts` or `rooms=operator`, which says who may create rooms, and `store` and `log` (section 9).",
    "A server has rooms unless `--rooms` is `off`.",
    "A room that a guest has created has no owner.",
    "The name of a room is `#` and a valid name (section 2).",
    "A message reaches a room by its exact name, and no room can be created whose name looks the same as that of another.",
    "| `no-room` | there is no such room, or it is locked and the sender is not in it |",
    "| `not-member` | the sender is not in the room |",
    "| `looks-like` | `/join`, and the name looks the same as that of the room `like` |",
    "The `#` of a room stays.",
    "| `no-room`, `not-member` | as above; also if who the command is about is not in the room |",
    "Lines to a room return for these reasons:"
  ],
  async (t) => {
    const server = await t.serve()
    const [carol, dave] = [await guest(server, "carol"), await guest(server, "dave")]
    hold(/ store=memory log=\S+ rooms=open /u.test((await ask(carol, "/hello")).join("\n")), "its facts", carol.lines)
    same(heads(await ask(carol, "/join #ops", "/join #OPS", "/join ops", "/join #a:b")), [
      "* room #ops members=1 last=0",
      "! refused join reason=looks-like like=#ops",
      "! bad-line",
      "! bad-line"
    ])
    dave.send("@1 #ops: one", "@2 #none: two", "@3 #OPS: three", "/members #ops", "/leave #ops", "/topic #none")
    same(heads((await dave.answers()).filter((line) => line.startsWith("! refused"))), [
      "! refused members reason=not-member",
      "! refused leave reason=not-member",
      "! refused topic reason=no-room"
    ])
    await gets(dave, "! undelivered @1 #ops reason=not-member: ").catch(() => undefined)
    const off = await t.serve("--rooms", "off")
    const erin = await guest(off, "erin")
    hold(!/ rooms=/u.test((await ask(erin, "/hello")).join("\n")), "no rooms", erin.lines)
    same(heads(await ask(erin, "/join #ops")), ["! unknown-command join"])
  }
)

check(
  "who may create rooms, and how many",
  [
    "| `policy` | not allowed: the room is locked, only the operator creates rooms; the text says why |",
    "| `guest` | `/join`, and only accounts create rooms |",
    "| `limit` | too many rooms of the client (`--max-rooms-per-client`, 100; in `* hello` as `max-rooms`) or of the server (`--max-rooms`, 10,000), too many members (`--max-room-members`, 10,000), more than 1,000 who are silenced at the same time, or a topic of more than `max-topic` code points (300) |",
    "With these words, a command about rooms is refused (section 9):"
  ],
  async (t) => {
    const operator = await guest(await t.serve("--rooms", "operator"), "carol")
    same(heads(await ask(operator, "/join #ops")), ["! refused join reason=policy"])
    const server = await start(t, ["alice"], "--rooms", "accounts", "--max-rooms", "3", "--max-room-members", "2")
    const [alice, carol, dave] = [
      await account(server, "alice"),
      await guest(server, "carol"),
      await guest(server, "dave")
    ]
    same(heads(await ask(carol, "/join #ops")), ["! refused join reason=guest"])
    await ask(alice, "/join #ops", "/join #dev", "/join #more")
    same(heads(await ask(alice, "/join #most")), ["! refused join reason=limit"])
    await ask(carol, "/join #ops")
    same(heads(await ask(dave, "/join #ops")), ["! refused join reason=limit"])
    same(heads(await ask(alice, `/topic #ops ${"é".repeat(301)}`)), ["! refused topic reason=limit"])
    const few = await guest(await t.serve("--max-rooms-per-client", "1"), "erin")
    same(heads(await ask(few, "/join #one", "/join #two")), [
      "* room #one members=1 last=0",
      "! refused join reason=limit"
    ])
  }
)

check(
  "leaving, and the end of a room",
  [
    "| `/leave #ROOM` | `* left #ROOM NAME: …`, after the client's own lines to the room are stored |",
    "The numbers of a room's lines start at 1 and never start again: when its last member has left, the room and its lines are gone, and a later room of that name continues with higher numbers.",
    "If the owner leaves, the account that has been a member longest is the next owner.",
    "A member that has left or was removed gets nothing more."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, bob] = [await account(server, "alice", "seq"), await account(server, "bob", "seq")]
    await ask(alice, "/join #ops")
    await ask(bob, "/join #ops")
    const got = heads(await ask(alice, "@1 #ops: bye", "/leave #ops"))
    same(
      got.filter((line) => /^\* (?:stored|left) /u.test(line)),
      ["* stored @1 #ops seq=1", "* left #ops alice"]
    )
    await gets(bob, "* owner #ops bob: ")
    await ask(bob, "#ops: alone")
    await ask(bob, "/leave #ops")
    same(await messages(bob, 1), ["from alice #ops seq=1: bye"])
    const later = heads(await ask(bob, "/join #ops"))
    same(later, ["* room #ops members=1 last=2 owner=bob"])
    bob.send("@2 #ops: again")
    await gets(bob, "* stored @2 #ops seq=3 at=")
    equal((await ask(alice)).filter((line) => line.startsWith("from ")).length, 0)
  }
)

check(
  "the topic, and notices",
  [
    "| `/topic #ROOM [TEXT]` | `* topic #ROOM [NAME]: TEXT`: what the room is about, and who has said so; with TEXT, a member sets it |",
    "Members that have sent `/hello` get notices: `* joined #ROOM NAME [guest=yes]: …`, `* left #ROOM NAME [by=NAME]: …`, and the lines that answer `/topic` and the commands of owners, but not that of `/invite`.",
    "Notices are collected and dropped like others (section 6), and no connection gets one about what it did itself.",
    "A member that is removed is told as well, and so are the other devices of an account that leaves."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, phone] = [await account(server, "alice"), await account(server, "alice/phone")]
    const [bob, carol] = [await account(server, "bob"), await guest(server, "carol")]
    await ask(bob, "/join #ops")
    await ask(carol, "/join #ops")
    await ask(alice, "/join #ops")
    same(await ask(alice, "/topic #ops"), ["* topic #ops: "])
    same(await ask(alice, "/topic #ops  a: topic "), ["* topic #ops alice: a: topic"])
    equal(await gets(phone, "* topic "), "* topic #ops alice: a: topic")
    same(
      heads(await ask(carol, "/leave #ops")).filter((line) => line.startsWith("* left ")),
      ["* left #ops carol"]
    )
    await ask(alice, "/leave #ops")
    await gets(phone, "* left #ops alice: ")
    await gets(bob, "* left #ops alice: ")
    const notices = heads(seen(bob)).filter((line) => /^\* (?!room).* #ops/u.test(line))
    same(notices, [
      "* joined #ops carol guest=yes",
      "* joined #ops alice",
      "* topic #ops alice",
      "* left #ops carol",
      "* left #ops alice"
    ])
  }
)

check(
  "a locked room",
  [
    "| `/invite #ROOM NAME` | `* invited #ROOM NAME by=OWNER: …`: the account can join while the room is locked |",
    "| `/lock #ROOM` | `* locked #ROOM OWNER: …`: the room is for its members and for invited accounts, and its guests are removed |",
    "| `/unlock #ROOM` | `* unlocked #ROOM OWNER: …` |",
    "For all who are neither in it nor invited, a locked room does not exist: it is not in `/rooms`, lines to it return as `no-room`, and no message lists it among its recipients.",
    "Only `/join` says that the name is taken.",
    "An account that is invited gets `* invited #ROOM OWNER: …` on those of its devices that have sent `/hello`, and the room is in its `/rooms`."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, bob] = [await account(server, "alice"), await account(server, "bob")]
    const [carol, dave] = [await guest(server, "carol"), await guest(server, "dave", "to")]
    await ask(alice, "/join #ops")
    await ask(carol, "/join #ops")
    same(heads(await ask(alice, "/lock #ops", "dave, #ops: x")), ["* locked #ops alice"])
    await gets(carol, "* left #ops carol by=alice: ")
    same(await messages(dave, 1), ["from alice: x"])
    same(heads(await ask(bob, "/join #ops", "/members #ops", "/rooms")), [
      "! refused join reason=policy",
      "! refused members reason=no-room",
      "* end rooms count=0"
    ])
    bob.send("@1 #ops: x")
    await gets(bob, "! undelivered @1 #ops reason=no-room: ")
    same(heads(await ask(alice, "/invite #ops bob")), ["* invited #ops bob by=alice"])
    await gets(bob, "* invited #ops alice: ")
    same(
      heads(await ask(bob, "/rooms", "/join #ops")).filter((line) => line.startsWith("* room ")),
      ["* room #ops members=1 last=1 locked=yes owner=alice", "* room #ops members=2 last=1 locked=yes owner=alice"]
    )
    same(heads(await ask(alice, "/unlock #ops")), ["* unlocked #ops alice"])
    await ask(dave, "/join #ops")
    await gets(dave, "* room #ops members=3 last=1 owner=alice: ")
  }
)

check(
  "owners remove, silence and slow down members, and pass the room on",
  [
    "| `/remove #ROOM NAME` | `* left #ROOM NAME by=OWNER: …`: the member is no longer in the room, or the account no longer invited |",
    "| `/owner #ROOM NAME` | `* owner #ROOM NAME: …`: the account, a member, is the owner from now on |",
    "| `/silence #ROOM NAME TIME` | `* silenced #ROOM NAME by=OWNER until=MS: …`: the member may not write for a time such as `30s`, `10m`, `2h` or `1d` |",
    "| `/unsilence #ROOM NAME` | `* unsilenced #ROOM NAME by=OWNER: …` |",
    "| `/slow #ROOM TIME` | `* slow #ROOM OWNER millis=N: …`: each member but the owner may write a line only so often; `off` ends it |",
    "Only the owner may use the commands from `/invite` on.",
    "A member that was removed may join again if the room is not locked.",
    "| `silenced` | with `retry`: the sender was silenced |",
    "| `slow-mode` | with `retry`: the sender has written a moment ago, in a room with slow mode |",
    "| `not-owner` | a command of owners |"
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, bob, carol] = [
      await account(server, "alice"),
      await account(server, "bob"),
      await guest(server, "carol")
    ]
    for (const client of [alice, bob, carol]) await ask(client, "/join #ops")
    same(heads(await ask(bob, "/remove #ops carol")), ["! refused remove reason=not-owner"])
    hold(
      /^\* silenced #ops carol by=alice until=\d+: /u.test((await ask(alice, "/silence #ops carol 10m")).join()),
      "`* silenced`",
      seen(alice)
    )
    carol.send("@1 #ops: x")
    await gets(carol, "! undelivered @1 #ops reason=silenced retry=")
    same(heads(await ask(alice, "/unsilence #ops carol", "/slow #ops 1h")), [
      "* unsilenced #ops carol by=alice",
      "* slow #ops alice millis=3600000"
    ])
    carol.send("#ops: one", "@2 #ops: two")
    await gets(carol, "! undelivered @2 #ops reason=slow-mode retry=")
    await ask(alice, "#ops: a", "#ops: b", "/slow #ops off")
    same(await messages(bob, 3), ["from carol #ops: one", "from alice #ops: a", "from alice #ops: b"])
    same(heads(await ask(alice, "/remove #ops carol", "#ops: gone", "/owner #ops bob", "/lock #ops")), [
      "* left #ops carol by=alice",
      "* owner #ops bob",
      "! refused lock reason=not-owner"
    ])
    await gets(carol, "* left #ops carol by=alice: ")
    await gets(bob, "* owner #ops bob: ")
    await ask(carol, "/history #ops", "/join #ops")
    await gets(carol, "! refused history reason=not-member: ")
    await gets(carol, "* room #ops members=3 last=4 owner=bob: ")
    equal(seen(carol).filter((line) => line.includes("gone")).length, 0)
  }
)

check(
  "looking back at a room",
  [
    "What is kept can be read again. An account can read its direct conversations, as far back as its own creation. A client in a room can read all that is kept of the room, including what was written before it joined.",
    "NAME is that of the room, with its `#`, or the other name of a direct conversation.",
    "`* hello` has `max-history=N`, the greatest number of lines of a page (100).",
    "| `/history NAME [after=SEQ] [before=SEQ] [since=MS] [until=MS] [limit=N]` | `* past NAME AUTHOR [guest=yes] seq=SEQ at=MS: text` for each line, oldest first; then `* end history NAME [first=SEQ last=SEQ] [more=yes]: …` |",
    "A page has the first lines after the number `after`, or stored at the time `since` or later.",
    "Without these it has the last lines, those before `before` or stored until `until`.",
    "with `more=yes`, there are more in the same direction.",
    "`first` and `last` are the numbers of its first and its last line.",
    "A conversation that has never had a line is an empty page, whatever its name.",
    "Guests have no direct conversations and no read marks: commands about these are refused to them as `guest`.",
    "Commands that read a room are refused like other commands about rooms (section 11), and those for a page of more than `max-history` lines as `limit`."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, carol] = [await account(server, "alice"), await guest(server, "carol")]
    hold(/ max-history=100/u.test((await ask(alice, "/hello")).join()), "`max-history`", alice.lines)
    await ask(alice, "/join #ops", "#ops: one", "#ops: two", "#ops: three")
    same(heads(await ask(carol, "/history #ops", "/history bob", "/history #none")), [
      "! refused history reason=not-member",
      "! refused history reason=guest",
      "! refused history reason=no-room"
    ])
    await ask(carol, "/join #ops", "#ops: four")
    await messages(alice, 1)
    const page = async (...words) =>
      (await ask(carol, `/history #ops ${words.join(" ")}`)).map((line) =>
        line.startsWith("* past ") ? line.replace(/ at=\d+/u, "") : line.split(": ")[0]
      )
    same(await page("limit=2"), [
      "* past #ops alice seq=3: three",
      "* past #ops carol guest=yes seq=4: four",
      "* end history #ops first=3 last=4 more=yes"
    ])
    same(await page("after=1", "limit=1"), [
      "* past #ops alice seq=2: two",
      "* end history #ops first=2 last=2 more=yes"
    ])
    same(await page("since=1", "before=2"), ["* past #ops alice seq=1: one", "* end history #ops first=1 last=1"])
    same(await page("until=1"), ["* end history #ops"])
    same(await page("limit=101"), ["! refused history reason=limit"])
    await ask(alice, "bob: hi")
    const direct = (await ask(alice, "/history bob", "/history nobody")).map((line) => line.replace(/ at=\d+/u, ""))
    hold(direct[0] === "* past bob alice seq=1: hi", "the line to bob", direct)
    equal(direct.at(-1)?.split(": ")[0], "* end history nobody")
  }
)

check(
  "searches",
  [
    "| `/search [in=NAME] [limit=N] TEXT` | `* past NAME AUTHOR [guest=yes] seq=SEQ at=MS: text` for each of the latest lines that have all words of TEXT, newest first; then `* end search count=N: …` |",
    "A search covers the conversation `in`; without `in`, it covers all that the client may read, which for a guest is the rooms that it is in.",
    "It finds at most `limit` lines, 20 if that is not given, and fewer if they have more than 262,144 bytes.",
    "Parameters come before TEXT.",
    "There are no operators: all of TEXT is text.",
    "A word is a run of letters, marks and digits.",
    "It is found as a whole, whatever its case and accents: `cafe` finds `CAFÉ`, and `strasse` finds `Straße`.",
    "Each character of a script that is written without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, and also Korean) is a word, and so is each emoji, whatever its skin tone.",
    "Words of TEXT without a blank between them, such as those of `10.0.0.1`, `don't` or `東京`, are found only where they follow each other;",
    "so any part of a Chinese text can be found.",
    "A client may search 4 times a second (`--search-rate`, in `* hello` as `search-rate`).",
    "Further searches are refused as `limit` with `retry`, those for more than `max-history` lines as `limit`, and those without a word as `no-words`."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"], "--search-rate", "1000")
    const [alice, carol] = [await account(server, "alice"), await guest(server, "carol")]
    hold(/ search-rate=1000/u.test((await ask(alice, "/hello")).join()), "`search-rate`", alice.lines)
    const texts = ["CAFÉ Straße 10.0.0.1", "我在東京塔下", "サクラ 서울에서 ไปไหน", "👍🏽 NEAR don't", "10 0"]
    await ask(alice, "/join #ops", ...texts.map((text) => `#ops: ${text}`), "bob: a secret cafe")
    await ask(carol, "/join #ops", "#ops: 10.0.0.1 again")
    await messages(alice, 1)
    const found = async (client, words) =>
      (await ask(client, `/search ${words}`))
        .filter((line) => !line.startsWith("from "))
        .map((line) => (line.startsWith("* past ") ? line.replace(/ at=\d+/u, "") : line.split(": ")[0]))
    same(await found(carol, "10.0.0.1"), [
      "* past #ops carol guest=yes seq=6: 10.0.0.1 again",
      `* past #ops alice seq=1: ${texts[0]}`,
      "* end search count=2"
    ])
    same(await found(carol, "limit=1 10.0.0.1"), [
      "* past #ops carol guest=yes seq=6: 10.0.0.1 again",
      "* end search count=1"
    ])
    same(await found(alice, "cafe"), [
      "* past bob alice seq=1: a secret cafe",
      `* past #ops alice seq=1: ${texts[0]}`,
      "* end search count=2"
    ])
    same(await found(alice, "in=bob cafe"), ["* past bob alice seq=1: a secret cafe", "* end search count=1"])
    same(await found(carol, "secret"), ["* end search count=0"])
    const pairs = [
      ["strasse", 1],
      ["Café straße", 1],
      ["東京", 2],
      ["京塔", 2],
      ["クラ", 3],
      ["서울", 3],
      ["ไหน", 3],
      ["👍", 4],
      ["near don't", 4],
      ["NEAR -10", undefined],
      ["caf", undefined],
      ["京東", undefined],
      ["0.10", undefined],
      ["cafe in=#ops", undefined]
    ]
    for (const [words, seq] of pairs) {
      const [first] = await found(alice, `in=#ops ${words}`)
      equal(first, seq === undefined ? "* end search count=0" : `* past #ops alice seq=${seq}: ${texts[seq - 1]}`)
    }
    same(heads(await ask(alice, "/search * - !", "/search limit=101 a", "/search limit=x a")), [
      "! refused search reason=no-words",
      "! refused search reason=limit",
      "! bad-line"
    ])
    same(heads(await ask(carol, "/search in=bob a", "/search in=#none a")), [
      "! refused search reason=guest",
      "! refused search reason=no-room"
    ])
    const usual = await guest(await start(t, []), "dave")
    const answers = await ask(usual, ...Array.from({ length: 5 }, () => "/search a"))
    same(
      heads(answers).map((line) => line.replace(/retry=\d+/u, "retry=MS")),
      [...Array.from({ length: 4 }, () => "* end search count=0"), "! refused search reason=limit retry=MS"]
    )
  }
)

check(
  "conversations and read marks",
  [
    "| `/conversations` | `* conversation NAME [guest=yes] last=SEQ read=SEQ at=MS: …` for the latest 1,000, newest first, where `guest=yes` is one with a guest, and `at=0` one of which no line is kept any more; then `* end conversations count=N: …` |",
    "| `/read NAME SEQ`, `/read NAME at=MS` | `* read NAME seq=SEQ: …`: how far the account has read, which never goes back |",
    "A read mark belongs to the account, whichever of its devices sets it, and nobody else is told of it.",
    "Its other devices get `* read NAME seq=SEQ: …` after `copies`.",
    "Sending a line to a conversation moves the mark there as well.",
    "`at=MS` stands for the last line stored by that time.",
    "The words of section 10 apply to rooms as well, except for `receipts`: with `seq`, members get `from carol #ops guest=yes seq=3 at=MS: hi`, and with `copies` the sender's other devices get `* sent #ops seq=3 at=MS: hi`."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"])
    const [alice, phone] = [await account(server, "alice"), await account(server, "alice/phone", "copies")]
    const [bob, carol] = [await account(server, "bob"), await guest(server, "carol")]
    await ask(bob, "alice: one", "alice: two")
    await messages(alice, 2)
    await ask(carol, "alice: hi")
    await messages(alice, 3)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await ask(alice, "/join #ops", "#ops: mine")
    await gets(phone, "* sent #ops seq=1 at=")
    const marks = async () => heads(await ask(alice, "/conversations"))
    same(await marks(), [
      "* conversation #ops last=1 read=1",
      "* conversation carol guest=yes last=1 read=0",
      "* conversation bob last=2 read=0",
      "* end conversations count=3"
    ])
    same(heads(await ask(alice, "/read bob 1", "/read bob 0", "/read carol at=1", "/read carol at=9999999999999")), [
      "* read bob seq=1",
      "* read bob seq=1",
      "* read carol seq=0",
      "* read carol seq=1"
    ])
    await gets(phone, "* read bob seq=1: ")
    hold((await marks()).includes("* conversation bob last=2 read=1"), "the mark", alice.lines)
    same(heads(await ask(carol, "/conversations", "/read alice 1")), [
      "! refused conversations reason=guest",
      "! refused read reason=guest"
    ])
  }
)
