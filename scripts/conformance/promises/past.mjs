// PROTOCOL.md, section 12: looking back. Imported, not run. Each check starts a server with accounts in memory.
import { equal, hold, same } from "../client.mjs"
import { account, ask, gets, guest, heads, messages, start } from "../room-clients.mjs"
import { fresh, section, timed } from "../suite.mjs"

const { all, check } = section("rooms", "12. Looking back", ["command"])

export { all as past }

/** What a search finds, without times, and the head of the line that ends it. */
const found = async (client, words) =>
  (await ask(client, `/search ${words}`))
    .filter((line) => !line.startsWith("from "))
    .map((line) => (line.startsWith("* past ") ? line.replace(/ at=\d+/u, "") : line.split(": ")[0]))

check(
  "looking back at a room",
  [
    "What is kept can be read again. An account can read its direct conversations, as far back as its own creation. " +
      "A client in a room can read all that is kept of the room, including what was written before it joined.",
    "NAME is that of the room, with its `#`, or the other name of a direct conversation.",
    "`* hello` has `max-history=N`, the greatest number of lines of a page (100).",
    "| `/history NAME [after=SEQ] [before=SEQ] [since=MS] [until=MS] [limit=N]` | `* past NAME AUTHOR [guest=yes] " +
      "seq=SEQ at=MS: text` for each line, oldest first; then `* end history NAME [first=SEQ last=SEQ] [more=yes]: " +
      "…` |",
    "A page has the first lines after the number `after`, or stored at the time `since` or later.",
    "Without these it has the last lines, those before `before` or stored until `until`.",
    "with `more=yes`, there are more in the same direction.",
    "`first` and `last` are the numbers of its first and its last line.",
    "A conversation that has never had a line is an empty page, whatever its name.",
    "Guests have no direct conversations and no read marks: commands about these are refused to them as `guest`.",
    "Commands that read a room are refused like other commands about rooms (section 11), and those for a page of " +
      "more than `max-history` lines as `limit`."
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
    "| `/search [in=NAME] [limit=N] TEXT` | `* past NAME AUTHOR [guest=yes] seq=SEQ at=MS: text` for each of the " +
      "latest lines that have all words of TEXT, newest first; then `* end search count=N: …` |",
    "A search covers the conversation `in`; without `in`, it covers all that the client may read, which for a guest " +
      "is the rooms that it is in.",
    "It finds at most `limit` lines, 20 if that is not given, and fewer if they have more than 262,144 bytes.",
    "Parameters come before TEXT.",
    "There are no operators: all of TEXT is text.",
    "A word is a run of letters, marks and digits.",
    "It is found as a whole, whatever its case and accents: `cafe` finds `CAFÉ`, and `strasse` finds `Straße`.",
    "Each character of a script that is written without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, " +
      "Burmese, and also Korean) is a word, and so is each emoji, whatever its skin tone.",
    "Words of TEXT without a blank between them, such as those of `10.0.0.1`, `don't` or `東京`, are found only where " +
      "they follow each other;",
    "so any part of a Chinese text can be found.",
    "A client may search 4 times a second (`--search-rate`, in `* hello` as `search-rate`).",
    "Further searches are refused as `limit` with `retry`, those for more than `max-history` lines as `limit`, and " +
      "those without a word as `no-words`."
  ],
  async (t) => {
    const server = await start(t, ["alice", "bob"], "--search-rate", "1000")
    const [alice, carol] = [await account(server, "alice"), await guest(server, "carol")]
    hold(/ search-rate=1000/u.test((await ask(alice, "/hello")).join()), "`search-rate`", alice.lines)
    const texts = ["CAFÉ Straße 10.0.0.1", "我在東京塔下", "サクラ 서울에서 ไปไหน", "👍🏽 NEAR don't", "10 0"]
    await ask(alice, "/join #ops", ...texts.map((text) => `#ops: ${text}`), "bob: a secret cafe")
    await ask(carol, "/join #ops", "#ops: 10.0.0.1 again")
    await messages(alice, 1)
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
    const plain = await start(t, [])
    // After a quarter of a second there is one more.
    await timed(Array(8).fill(250), async (_, stopwatch) => {
      const usual = await guest(plain, fresh("dave"))
      const ends = [...Array(4).fill("* end search count=0"), "! refused search reason=limit retry=MS"]
      const answers = await stopwatch.within(() => ask(usual, ...Array(5).fill("/search a")))
      const shown = heads(answers).map((line) => line.replace(/retry=\d+/u, "retry=MS"))
      same(shown, ends)
    })
  }
)

check(
  "conversations and read marks",
  [
    "| `/conversations` | `* conversation NAME [guest=yes] last=SEQ read=SEQ at=MS: …` for the latest 1,000, newest " +
      "first, where `guest=yes` is one with a guest, and `at=0` one of which no line is kept any more; then `* end " +
      "conversations count=N: …` |",
    "| `/read NAME SEQ`, `/read NAME at=MS` | `* read NAME seq=SEQ: …`: how far the account has read, which never " +
      "goes back |",
    "A read mark belongs to the account, whichever of its devices sets it, and nobody else is told of it.",
    "Its other devices get `* read NAME seq=SEQ: …` after `copies`.",
    "Sending a line to a conversation moves the mark there as well.",
    "`at=MS` stands for the last line stored by that time.",
    "The words of section 10 apply to rooms as well, except for `receipts`: with `seq`, members get `from carol " +
      "#ops guest=yes seq=3 at=MS: hi`, and with `copies` the sender's other devices get `* sent #ops seq=3 at=MS: hi`."
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
