import { describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { assert } from "vitest"
import * as Documents from "../support/Documents.js"

/** The suite is plain JavaScript without types. */
const load = (file: string): Promise<unknown> =>
  import(new URL(`../../scripts/conformance/${file}`, import.meta.url).href) as Promise<unknown>

const { checks } = (await load("checks.mjs")) as {
  readonly checks: ReadonlyArray<{ readonly group: string; readonly name: string; readonly proves: Quotes }>
}

type Quotes = string | ReadonlyArray<string>

const { proves } = (await load("grammar.mjs")) as { readonly proves: Quotes }

const flat = (text: string) => text.replaceAll(/\s+/g, " ").trim()

const document = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8")

const promises = checks.filter(({ group }) => group !== "original")

const quotes = [proves, ...promises.map((check) => check.proves)].flat(2)

/** Sentences, and rows of tables, from section 1 on. */
const sentences = Documents.prose(document.slice(document.indexOf("\n## 1")))
  .replaceAll(/^## .*$/gm, "\n")
  .split(/\n\n|\n(?=[-|]|\d\. )/)
  .filter((block) => !/^\| (?:-|line |limit |command |word |reason |a head )/.test(block.trimStart()))
  .flatMap((block) =>
    block.startsWith("|") ? [block] : flat(block.replace(/^(?:-|\d\.) /, "")).split(/(?<=[.:])\s+(?=[A-Z`(_])/)
  )
  .map(flat)
  .filter((sentence) => sentence !== "")

/** Sentences that no check proves, by their beginning, and why. */
const unproved: Record<string, string> = {
  "A server with `--web` speaks this protocol":
    "this suite runs over WebSocket, and so do the tests of the server; see also test/server/websocket-upgrade.test.ts",
  "All of the above holds there, with these": "as above",
  "The subprotocol is `a-chat`;": "as above: follows RFC 6455, and nothing else becomes a WebSocket",
  "No extension is used.": "as above",
  "A text message of a client has one line":
    "test/transport/WebSocketDecoder.test.ts: ends a line at the end of each message",
  "Its end also ends a line that has no LF": "as above",
  "The server closes the connection of a client with 1003":
    "test/server/websocket.test.ts: is closed with the code that RFC 6455 has for each fault",
  "A text message of the server has one line": "test/server/websocket.test.ts: gets whole lines in each message",
  "A message that the kernel took in part":
    "test/server/flow-control.test.ts over WebSocket: closes a recipient that takes nothing",
  "A Close frame of a client ends both directions": "test/server/websocket.test.ts: that sends a Close frame has left",
  "It is not like shutting down": "as above",
  "Lines that were read whole before":
    "test/server/websocket.test.ts: that has left in the middle of a line has not sent it",
  "An end of the TCP connection without a Close":
    "test/server/websocket.test.ts: whose TCP connection ends without a Close frame",
  "The code of the server's Close frame follows":
    "test/server/websocket.test.ts: is closed with a code for the reason in the last line",
  "The server sends a Ping every 30 s": "test/server/websocket.test.ts: that does not answer a Ping is closed",
  "A browser's page may connect if its origin":
    "test/server/websocket-upgrade.test.ts: is not for pages of other origins",
  "A server on loopback answers only to":
    "test/server/websocket-upgrade.test.ts: is only for hosts that are the server's own",
  "A server may be one of several _nodes_ that are one chat.":
    "test/conformance/cluster.test.ts: with its clients at three nodes; test/cluster/three-nodes.test.ts, are one chat",
  "A client connects to any of them.": "as above",
  "All of the above holds for the clients of all nodes together,": "as above",
  "A client that has just logged in at another node":
    "test/cluster/lines.test.ts: return at once if no client has the name",
  "So a line to a name that a node does not know": "as above",
  "Two messages that both go to the same two recipients may reach them in different orders if":
    "no promise, and about other nodes",
  "That a client has left is known at other nodes only after":
    "the suite leaves out what contradicts it: test/conformance/cluster.test.ts",
  "`to=` may list a recipient that has left meanwhile, or that nobody knows.":
    "test/cluster/lines.test.ts: go to recipients at several nodes",
  "Clients that only send may have one name at once if they":
    "test/cluster/three-nodes.test.ts: let several clients that only send have one name",
  "A device that logs in at another node replaces its connection there,":
    "test/cluster/kept-devices.test.ts: replaces the connection there, and goes on where that was",
  "If that node does not answer, which may take 10 s to find out,":
    "test/cluster/kept-devices.test.ts: need not wait for a node that is lost, and is refused where one does not " +
    "answer",
  "What one node changes about accounts and rooms,":
    "test/cluster/kept-rooms.test.ts: is found and entered on each, and lists the members of all",
  "The ledger with a line is that of its sender's node.":
    "test/cluster/lines.test.ts: arrive, and are written in the ledger of their sender's node",
  "If a node is lost, the others know that": "test/cluster/faults.test.ts: may have delivered what it was sent",
  "Then the names of its guests are free,": "as above",
  "Lines to accounts and rooms are stored meanwhile,":
    "test/cluster/kept-anything.test.ts; test/cluster/kept-devices.test.ts: leaves with the node that has its last " +
    "device",
  "| `node-lost` |": "as above; test/cluster/leaving.test.ts: return as lost when their sender's node stops",
  "| `unavailable` | with `retry`: this node cannot reach": "test/cluster/faults.test.ts: writes no message",
  "A node that cannot reach the others might be taken for lost.":
    "test/cluster/three-nodes.test.ts: go on as two while one is cut off",
  "Before that can happen, it stops": "as above",
  "Connections stay, and what waits":
    "test/cluster/faults.test.ts: writes no message, and goes on where it stood; keeps the connections of clients " +
    "that read",
  "When the node reaches the others again": "as above",
  "A room in which only guests of a lost node":
    "test/cluster/kept-rooms.test.ts: loses the guests of a node that is lost, and ends if no member is left",
  "If it was taken for lost meanwhile,": "test/cluster/faults.test.ts: writes nothing more of the others",
  "A device that has logged in at another node by now gets":
    "test/cluster/kept-devices.test.ts: has each device once after a node was taken for lost and comes back",
  "A connection is a stream of bytes over TCP, TLS or a Unix socket.":
    "not a promise; the suite runs over each with --tls and --unix",
  "Codes and params are the contract;": "about what may change in later versions",
  "A client ignores codes and params": "about clients; their tests read lines of later versions",
  "| `to` | messages to this client": "as above",
  "| `auto` | this client's messages": "the sentences after it are checked",
  "`retry=MS` is present exactly when": "the grammar checks the form; the checks of the rate, that a retry succeeds",
  "| connections | what the descriptors allow": "depends on the server's machine",
  "A message is `name1, name2, …: text`.": "the shape of a message; the sentences after it are checked",
  "An address is an IPv4 address": "the suite has one address; unit tests cover the others",
  "Written does not mean read:": "no server can promise this",
  "If a connection breaks in the middle of a write,": "the kernel's buffer cannot be seen from outside",
  "Over TLS the kernel takes records of up to":
    "as above; the transport's tests compare it with what the other side could read",
  "Where the server cannot learn how far": "as above",
  "A full queue passes through three states:": "the items after it are checked",
  "A client can also vanish without a word": "needs a machine that vanishes; test/faults/vanished.test.ts has one",
  "Small lines for it are written all the same:": "as above",
  "Where the server's kernel reports what": "as above",
  "Lines that were written to a client without `ack` stay written,": "as above",
  "A client that merely does not read is not unreachable,": "as above",
  "If such a client vanishes, the server notices it later:": "as above; test/ports/Reachability.test.ts",
  "A client that is closed as unreachable has left,": "as above",
  "If it was only away for too long,": "as above",
  "They no longer wait for room in a full queue":
    "depends on what was read; test/chat/reconnection.test.ts looks inside",
  "So the queues, the outcomes and": "the server's memory cannot be seen from outside",
  "All connections together have a budget": "as above; test/chat/budget.test.ts looks inside",
  "No queue and no unfinished line may take": "as above",
  "A client whose unfinished line has found no memory": "as above",
  "If the budget is exceeded by a quarter": "as above",
  "`@k1 bob, carol: deploy done`.": "an example",
  "`--max-line` is at most 1 MiB,": "about settings; their tests try both sides of the bound, and a reload",
  "A session:": "test/protocol/client.test.ts plays it",
  "`>` is what the client sends,": "as above",
  "[client.py](test/protocol/client.py) takes these steps": "about clients; test/protocol/client.test.ts runs that one",
  "**Log in.**": "as above",
  "The client is logged in when `* hello` has `name=`.": "as above",
  "After `! slow-down`, send one line at a time,": "as above",
  "`/hello`, and if its reply has no `name=`,": "as above",
  "**Read** all the time,": "about clients; that one that does not is closed is checked",
  "Cut the stream at LF only.": "as above",
  "**Label** every message, and count": "as above",
  "An outcome may take as long as its recipient does.": "as above",
  "If the connection ends first, the client does not know": "as above",
  "**Acknowledge**, after `/hello ack`,": "as above",
  "**Know who is present.**": "as above",
  "**Find a dead connection.**": "as above",
  "After 30 s without a line, send `/ping`;": "as above",
  "**Reconnect** after `return`;": "as above; test/terminal/timing.test.ts measures the times",
  "Words and labels end with their connection.": "a connection cannot learn of an earlier one",
  "`! login-in-use` may concern the connection": "about clients; test/client/Reconnect.test.ts",
  "Unlike shutting down the sending half,": "about libraries of TLS",
  "Its own lines that the server has not handled yet are not accepted":
    "what the server has handled cannot be seen from outside; test/chat/moderation.test.ts looks inside",
  "| `alice` | a guest; with a client certificate": "needs a certificate of each name; test/accounts/logins.test.ts",
  "| `alice/phone` | the same, with a client certificate": "as above",
  "The server stores neither of them,": "cannot be seen from outside; test/accounts/Credentials.test.ts looks inside",
  "It never logs a secret,": "as above; test/accounts/secrets.test.ts reads the log",
  "The server accepts a secret only where nobody else can read it:":
    "needs a second machine; test/accounts/logins.test.ts has one",
  "| `! tls-required fatal: …` |": "as above",
  "Behind a proxy, what the proxy says": "as above; test/transport/Proxy.test.ts",
  "A client must not send a secret before": "about clients; test/client/secrets.test.ts",
  "So it sends `/hello`, waits,": "as above",
  "A login with a secret may take a while.": "test/accounts/logins.test.ts makes one take a while",
  "The lines after it wait,": "as above",
  "These lines refuse a login,": "the rows after it are checked",
  "No other address waits.": "the suite has one address; test/accounts/guessing.test.ts has several",
  "So nobody can lock the owner out.": "follows from the sentences before it",
  "After `! logged-out` a client does not reconnect": "about clients; test/client/secrets.test.ts",
  "| `! logged-out reason=removed fatal: …` |": "needs an operator; test/accounts/commands.test.ts",
  "| `! logged-out reason=kicked fatal: …` |": "needs an operator; test/accounts/devices.test.ts",
  "A device to which nothing can be given,": "needs a damaged disk; test/conversations/damaged.test.ts",
  "`! slow-down retry=MS fatal: …`.": "as above",
  "For a guest, which has no devices,": "test/conversations/delivery.test.ts",
  "A line to an account is not written to a client but _stored_:":
    "a crash cannot be seen from outside; test/faults/kills.test.ts kills servers",
  "A conversation is a log.": "the sentences after it are checked",
  "A guest's conversation ends when none of its lines is kept": "takes too long; test/ports/Store.test.ts",
  "Without `ack`, what was lost between two kernels is lost.": "the kernel's buffer cannot be seen from outside",
  "It loses lines only to their age": "takes too long; test/conversations/trouble.test.ts",
  "The same happens while the account `bob` is away,": "test/conversations/delivery.test.ts",
  "An `/ack` with a larger N counts as progress,": "takes the stall timeout; test/chat/vanished.test.ts",
  "`! gap bob first=4 last=9: …`.": "as above",
  "Its place passes the gap once the kernel took that line": "as above",
  "A label is remembered as long as its line": "takes too long; test/ports/Store.test.ts",
  "`* stored @k1 bob seq=17": "an example",
  "`* sent` counts like a message": "as above; test/conversations/copies.test.ts",
  "After a crash of the server, a device may also get a copy": "needs a crash; test/conversations/delivery.test.ts",
  "| `unavailable` | the store does not work": "needs a store that does not; test/conversations/trouble.test.ts",
  "| `expired` |": "takes too long; test/conversations/trouble.test.ts",
  "| `removed` | the account": "needs an operator; test/conversations/trouble.test.ts",
  "`expired` and `removed` concern lines": "as above",
  "A sender with an account gets it": "as above",
  "A guest gets it on the connection": "as above",
  "For lines between accounts, and of guests": "cannot be seen from outside; test/ports/Store.test.ts",
  "`stored = given + waiting + expired`.": "as above",
  "Without `--store`, rooms are kept in memory,": "needs 64 MiB of lines",
  "A guest that reads slowly also gets the lines": "needs a client that reads slowly; test/rooms/feeds.test.ts",
  "Where the disk is damaged, a page and a search have what can be read.": "test/store/SqliteDamage.test.ts",
  "In `* end history`, `damaged=4-9+12` then lists": "test/conversations/damaged.test.ts",
  "A search only says `damaged=yes`:": "as above",
  "It has at most `limit` lines, 50 if that": "test/rooms/looking-back.test.ts",
  "In a line of more than 65,536 characters": "test/protocol/Words.test.ts",
  "A name that has passed to somebody else leads": "needs an operator; test/rooms/looking-back.test.ts",
  "A search also finds the lines of conversations with earlier owners.": "as above",
  "A silence ends when the server stops,": "takes a restart; silences are only in memory",
  "`by`, and the name where the owner's would be,": "needs an operator; test/rooms/operator.test.ts",
  "| `limit` |": "needs a second address; test/accounts/commands.test.ts",
  "| `looks-like` |": "needs a race; test/accounts/commands.test.ts",
  "| `unavailable` |": "needs a store that fails; test/accounts/commands.test.ts"
}

describe("the conformance suite", () => {
  it("quotes PROTOCOL.md word for word", () => {
    for (const quote of quotes) assert.include(flat(document), quote)
  })

  it("proves every sentence of PROTOCOL.md except those listed here with a reason", () => {
    const known = Object.keys(unproved)
    const missing = sentences.filter(
      (sentence) =>
        !quotes.some((quote) => sentence.includes(quote) || quote.includes(sentence)) &&
        !known.some((start) => sentence.startsWith(start))
    )
    assert.deepStrictEqual(missing, [])
    for (const start of known)
      assert.isTrue(
        sentences.some((sentence) => sentence.startsWith(start)),
        start
      )
  })

  it("has unique names", () => {
    for (const group of ["original", "promises", "rooms"]) {
      const names = checks.filter((check) => check.group === group).map(({ name }) => name)
      assert.deepStrictEqual(names, [...new Set(names)])
    }
  })
})
