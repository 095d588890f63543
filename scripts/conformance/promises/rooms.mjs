// PROTOCOL.md, section 11: rooms. Imported, not run. Each check starts a server with accounts in memory, or without
// any.
import { equal, hold, same } from "../client.mjs"
import { account, ask, gets, guest, heads, messages, password, quit, seen, start } from "../room-clients.mjs"
import { section } from "../suite.mjs"

const { all, check } = section("rooms", "11. Rooms", ["command"])

export { all as rooms }

check(
  "a line to a room is stored, and reaches its members",
  [
    "A line to a room reaches all who are in it: `#ops: done`, or `bob, #ops: done`.",
    "It is stored like a line to an account (section 10), and then given to the members.",
    "They get `from alice #ops: done`; the client that sent it does not.",
    "a message as well, to a room: `#ops: hi` (section 11)",
    "| `/join #ROOM` | `* room #ROOM members=N last=SEQ [locked=yes] [owner=NAME]: TOPIC`; creates the room if it " +
      "does not exist |",
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
    "| `/members #ROOM` | `* members #ROOM N here=M: alice, bob, …`, the M present ones first, in as many lines as " +
      "it takes; then `* end members #ROOM: …` |",
    "| `/rooms` | the same as for `/join`, with `in=yes` where the client is in it, for each room that it is in or " +
      "may enter; then `* end rooms count=N: …` |"
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
    "Then `* hello` has `rooms=open`, `rooms=accounts` or `rooms=operator`, which says who may create rooms, and " +
      "`store` and `log` (section 9).",
    "A server has rooms unless `--rooms` is `off`.",
    "A room that a guest has created has no owner.",
    "The name of a room is `#` and a valid name (section 2).",
    "A message reaches a room by its exact name, and no room can be created whose name looks the same as that of " +
      "another.",
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
    "| `limit` | too many rooms of the client (`--max-rooms-per-client`, 100; in `* hello` as `max-rooms`) or of " +
      "the server (`--max-rooms`, 10,000), too many members (`--max-room-members`, 10,000), more than 1,000 who are " +
      "silenced at the same time, or a topic of more than `max-topic` code points (300) |",
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
    "The numbers of a room's lines start at 1 and never start again: when its last member has left, the room and " +
      "its lines are gone, and a later room of that name continues with higher numbers.",
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
    "| `/topic #ROOM [TEXT]` | `* topic #ROOM [NAME]: TEXT`: what the room is about, and who has said so; with " +
      "TEXT, a member sets it |",
    "Members that have sent `/hello` get notices: `* joined #ROOM NAME [guest=yes]: …`, `* left #ROOM NAME " +
      "[by=NAME]: …`, and the lines that answer `/topic` and the commands of owners, but not that of `/invite`.",
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
    "| `/lock #ROOM` | `* locked #ROOM OWNER: …`: the room is for its members and for invited accounts, and its " +
      "guests are removed |",
    "| `/unlock #ROOM` | `* unlocked #ROOM OWNER: …` |",
    "For all who are neither in it nor invited, a locked room does not exist: it is not in `/rooms`, lines to it " +
      "return as `no-room`, and no message lists it among its recipients.",
    "Only `/join` says that the name is taken.",
    "An account that is invited gets `* invited #ROOM OWNER: …` on those of its devices that have sent `/hello`, " +
      "and the room is in its `/rooms`."
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
    "| `/remove #ROOM NAME` | `* left #ROOM NAME by=OWNER: …`: the member is no longer in the room, or the account " +
      "no longer invited |",
    "| `/owner #ROOM NAME` | `* owner #ROOM NAME: …`: the account, a member, is the owner from now on |",
    "| `/silence #ROOM NAME TIME` | `* silenced #ROOM NAME by=OWNER until=MS: …`: the member may not write for a " +
      "time such as `30s`, `10m`, `2h` or `1d` |",
    "| `/unsilence #ROOM NAME` | `* unsilenced #ROOM NAME by=OWNER: …` |",
    "| `/slow #ROOM TIME` | `* slow #ROOM OWNER millis=N: …`: each member but the owner may write a line only so " +
      "often; `off` ends it |",
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
